//! What may have been meant by a name that is not there?

/// The names that are near `wanted`, nearest first: at most three.
///
/// ```
/// use opus_runtime::near::near;
/// assert_eq!(near("score", ["scores", "income"]), ["scores"]);
/// assert_eq!(near("score", ["Score", "scores", "income"]), ["Score"]);
/// ```
pub fn near<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let plain = simplified(wanted);
    let limit = (plain.chars().count() / 3).max(1);
    let distance_to = |name: &'a str| {
        let other = simplified(name);
        let contained =
            plain.len() >= 4 && other.len() >= 4 && (other.contains(&plain) || plain.contains(&other));
        (if contained && plain != other { 1 } else { distance(&plain, &other) }, name)
    };
    let mut found: Vec<(usize, &str)> =
        names.into_iter().map(distance_to).filter(|(far, _)| *far <= limit).collect();
    found.sort();
    // a name that differs in case or separators alone leaves nothing to guess
    let nearest = found.first().map_or(0, |(far, _)| *far);
    found.into_iter().filter(|(far, _)| nearest > 0 || *far == 0).take(3).map(|(_, name)| name).collect()
}

/// A help line about near names; `None` where there are none.
///
/// ```
/// use opus_runtime::near::did_you_mean;
/// assert_eq!(did_you_mean("scor", ["age", "score"]).as_deref(), Some("did you mean `score`?"));
/// assert_eq!(did_you_mean("x", ["age", "score"]), None);
/// ```
pub fn did_you_mean<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let found = near(wanted, names);
    let quoted: Vec<String> = found.iter().map(|name| format!("`{name}`")).collect();
    (!quoted.is_empty()).then(|| format!("did you mean {}?", quoted.join(" or ")))
}

/// Without what names of the same thing differ in: case and separators.
fn simplified(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How many insertions, deletions, replacements and swaps of neighbours lie between two texts.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let edited = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    match i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        true => edited.min(rows[i - 2][j - 2] + 1),
                        false => edited,
                    }
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_what_a_person_would_call_near() {
        let columns = ["ANNUAL_INCOME", "income_monthly", "age", "months employed", "id"];
        assert_eq!(near("annual_income", columns), ["ANNUAL_INCOME"]);
        assert_eq!(near("months_employed", columns), ["months employed"]);
        assert_eq!(near("ages", columns), ["age"]);
        assert_eq!(near("rate", ["RATE", "STATE"]), ["RATE"]);
        assert_eq!(near("rate", ["state", "rtae"]), ["rtae"]);
        assert_eq!(near("delinquencies_24m", columns), [""; 0]);
    }

    #[test]
    fn a_distance_counts_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "axc", 1),
            ("abc", "bc", 1),
            ("", "xyz", 3),
            ("abcd", "abdc", 1),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }
}
