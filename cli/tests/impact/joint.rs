//! Does a policy decide and refuse rows that were read for two policies as if it had read them alone? Random files of values
//! that are right for one policy, for both, or for none.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, Float64Array, Int64Array, StringArray};
use opus_data::write::{Content, Data, Layout, Spec, Table, create};
use opus_data::{Intake, Kept, Mapping, Reader, inputs, output};
use opus_govern::diff::{EditId, diff};
use opus_govern::joint::Joint;
use opus_govern::source::{of_structure, open};
use opus_govern::structure::Structure;
use opus_ir::memory::Columns;
use opus_runtime::admission::Reason;
use opus_runtime::{Batch, Cache, Engine, Options, Policy, Schema};

/// Chance, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }
}

const A: &str = "policy joint.pair {
  currency USD
  effective on day
  version 1 from 2023-01-01
  version 2 from 2025-01-01
  enum Kind { x, y, z }
  enum State { open, closed }
  enum Answer { low, high }
  input {
    day     : date in 2023-01-01..2030-12-31
    age     : int in 16..120
    count   : int in 0..9_000_000_000_000_000_000
    amount  : money in $0.00..$500.00
    rate    : percent in 0%..50%
    ratio   : decimal(2) in 0..10
    term    : int in {12, 24, 36}
    kind    : Kind
    status  : State
    flag    : bool
    points  : int in 1..9 optional
    only_a  : int in 0..9
  }
  output { answer : Answer   paid : money in $0.00..$500.00 }
  require Q1 \"of age\" : age >= 18
  rules first {
    rule R1 when kind == x and flag => low, $0.00
    rule R2 when status == closed => high, amount
    otherwise R3 => low, amount
  }
}";

const B: &str = "policy joint.pair {
  currency USD
  effective on day
  version 1 from 2023-06-01
  version 2 from 2025-01-01
  enum Kind { w, z, y }
  enum Answer { high, low }
  input {
    kind    : Kind
    day     : date in 2023-06-01..2031-12-31
    age     : int in 18..110 optional
    count   : int in 5..9_100_000_000_000_000_000
    amount  : money in $100.00..$2_000.00
    rate    : percent in 10%..90%
    ratio   : decimal(4) in 0..10
    term    : int in {12, 48}
    status  : int in 0..9
    flag    : bool optional
    points  : int in 1..9
    only_b  : date in 2020-01-01..2029-12-31 optional
  }
  output { answer : Answer   paid : money in $0.00..$2_000.00 }
  require Q2 : amount < $1_900
  rules first {
    rule R1 when kind == z and status > 4 => low, $0.00
    otherwise R3 => high, amount
  }
}";

/// Values of every field: admitted by one policy, by both, by none, and unreadable.
const VALUES: &[(&str, &[&str])] = &[
    (
        "day",
        &[
            "2023-01-01",
            "2024-05-06",
            "2031-03-01",
            "2025-02-30",
            "20000",
            "2025-01-31T00:00:00",
            "2025-01-31T10:00",
            "",
        ],
    ),
    (
        "age",
        &["15", "16", "17", "18", "40", "110", "111", "120", "121", "040", "4e1", "17.0", "17.5", "NA", ""],
    ),
    (
        "count",
        &[
            "0",
            "4",
            "5",
            "77",
            "8999999999999999999",
            "9050000000000000000",
            "9200000000000000000",
            "1e30",
            "x",
        ],
    ),
    ("amount", &["0", "99.99", "100", "500.00", "500.01", "1950", "3000", "1e2", "12.345", "-1", ""]),
    ("rate", &["5%", "10%", "12.5%", "60%", "95%", "12.345%", "7", "x%"]),
    ("ratio", &["0", "1.25", "1.250", "1.2345", "10.00", "11", "1.23456"]),
    ("term", &["12", "24", "48", "36", "13", "12.0"]),
    ("kind", &["w", "x", "y", "z", "Y", "0", ""]),
    ("status", &["open", "closed", "0", "9", "10", "ajar"]),
    ("flag", &["true", "false", "1", ""]),
    ("points", &["1", "9", "10", "", "-"]),
    ("only_a", &["0", "9", "10", ""]),
    ("only_b", &["2025-01-01", "2019-12-31", "2025-13-01", ""]),
];

fn policy(artifact: opus_runtime::Artifact) -> Policy {
    Policy::from_artifact(artifact, &Options { engine: Engine::Vm, ..Options::default() })
}

/// Every row by its number: what was decided, or what is wrong.
type Told = BTreeMap<u32, Result<(Vec<i128>, u16, u16), Vec<[String; 3]>>>;

fn told(batch: &Batch) -> Told {
    let mut told = Told::new();
    let outputs = batch.outputs();
    for (at, row) in batch.rows().iter().enumerate() {
        let values = (0..outputs.len()).map(|output| outputs.get(output, at).expect("outputs are present"));
        told.insert(*row, Ok((values.collect(), batch.rules()[at], batch.versions()[at])));
    }
    for (row, reason) in batch.refused() {
        // hints about mapping files may speak of the other policy
        let message = reason.message.split("; i").next().unwrap_or_default();
        let parts = [&reason.name, reason.fault.code(), message].map(str::to_owned);
        match told.entry(*row).or_insert_with(|| Err(Vec::new())) {
            Err(reasons) => reasons.push(parts),
            Ok(_) => panic!("row {row} is decided and refused"),
        }
    }
    told
}

/// How rows are read with a schema: the columns, and what is wrong with them.
type Read<'a> = dyn Fn(&Schema) -> (Columns, Vec<(u32, Reason)>) + 'a;

fn alone(policy: &Policy, read: &Read) -> Told {
    let (columns, faults) = read(policy.schema());
    let mut batch = policy.batch(columns.rows());
    let (inputs, refused) = batch.filling();
    *inputs = columns;
    *refused = faults;
    batch.decide();
    told(&batch)
}

/// That the policies decide the same rows alone and jointly; all rows, and some of them.
#[track_caller]
fn check(policies: &[Policy], read: &Read, random: &mut Random) -> usize {
    let joint = Joint::new(policies[0].schema(), policies[1].schema()).unwrap();
    let (wide, faults) = read(joint.schema());
    let all: Vec<u32> = (0..wide.rows() as u32).collect();
    let some: Vec<u32> = all.iter().copied().filter(|_| random.below(3) == 0).collect();
    let mut decided = 0;
    for policy in policies {
        let expected = alone(policy, read);
        decided += expected.values().filter(|row| row.is_ok()).count();
        let projection = joint.projection(policy.schema()).unwrap();
        let mut batch = policy.batch(all.len());
        for rows in [&all, &some] {
            projection.admit(&wide, &faults, rows, &mut batch);
            batch.decide();
            let found = told(&batch);
            assert_eq!(found.len(), rows.len());
            for (row, found) in found {
                assert_eq!(found, expected[&rows[row as usize]], "row {}", rows[row as usize]);
            }
        }
    }
    decided
}

/// A, B, and hybrids of the two.
fn policies(random: &mut Random) -> Vec<Policy> {
    let mut policies: Vec<Policy> = [A, B]
        .iter()
        .map(|source| policy(open(source.as_bytes().to_vec(), &Cache::Off).unwrap().0.artifact))
        .collect();
    let [a, b] = [A, B].map(|source| Structure::of_source(source).unwrap());
    let script = diff(&a, &b);
    let ids: Vec<EditId> = script.deciding().map(|edit| edit.id).collect();
    for round in 0..24 {
        let on = ids.iter().filter(|_| random.below(4) <= round % 4).copied().collect();
        let hybrid = script.hybrid(&a, &script.closed(&on)).unwrap();
        policies.extend(of_structure(&hybrid).ok().map(|opened| policy(opened.artifact)));
    }
    assert!(policies.len() > 5, "{} hybrids compile", policies.len() - 2);
    policies
}

/// A value of a field: mostly one of the first, which some policy admits.
fn value(random: &mut Random, values: &'static [&'static str]) -> &'static str {
    values[{
        let count = if random.below(3) == 0 { values.len() } else { values.len().div_ceil(2) };
        random.below(count)
    }]
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("opus-joint-{}-{name}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

fn reading(path: &Path, schema: &Schema) -> (Columns, Vec<(u32, Reason)>) {
    let mapping = match path.extension().is_some_and(|end| end == "arrow") {
        true => Mapping::parse("rate = { unit = 'fraction' }", schema).unwrap(),
        false => Mapping::by_name(schema),
    };
    let intake = Intake { schema: schema.clone(), mapping, keep: Vec::new() };
    let mut reader = Reader::open(inputs(&[path.to_owned()], None).unwrap(), &intake).unwrap();
    let chunk = reader.next_chunk().unwrap().expect("there are rows");
    let mut columns = Columns::new(&schema.input_columns(), chunk.rows);
    let mut faults = Vec::new();
    chunk.fill(&intake, &mut columns, &mut faults).unwrap();
    assert!(reader.next_chunk().unwrap().is_none());
    (columns, faults)
}

#[test]
fn rows_of_texts_are_decided_as_alone() {
    let mut random = Random(7);
    let policies = policies(&mut random);
    let mut csv = VALUES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
    let mut json = String::new();
    for row in 0..2000 {
        csv.push('\n');
        json.push('{');
        for (at, (name, values)) in VALUES.iter().enumerate() {
            // the first rows differ from an admitted one in one value alone
            let value = match row < 1000 && row % VALUES.len() != at {
                true => values[values.len() / 3],
                false => value(&mut random, values),
            };
            let comma = if at == 0 { "" } else { "," };
            write!(csv, "{comma}{value}").unwrap();
            let is_number = value.parse::<f64>().is_ok() && !value.starts_with('0') && random.below(8) > 0;
            match value {
                "" => write!(json, "{comma}\"{name}\":null").unwrap(),
                "true" | "false" => write!(json, "{comma}\"{name}\":{value}").unwrap(),
                _ if is_number => write!(json, "{comma}\"{name}\":{value}").unwrap(),
                _ => write!(json, "{comma}\"{name}\":\"{value}\"").unwrap(),
            }
        }
        if random.below(50) == 0 {
            csv.push_str(",one cell more");
            json.push_str(",,");
        }
        json.push_str("}\n");
    }
    for (name, text) in [("rows.csv", csv), ("rows.jsonl", json)] {
        let path = file(name, &text);
        let decided = check(&policies, &|schema| reading(&path, schema), &mut random);
        std::fs::remove_file(&path).unwrap();
        assert!(decided > 60 * policies.len(), "{name}: {decided} decisions");
    }
}

#[test]
fn rows_of_typed_columns_are_decided_as_alone() {
    let source = |count: &str, age: &str| {
        format!(
            "policy joint.typed {{ enum Kind {{ {count} }}
               input {{ age : int in {age}  big : int in 0..{}  kind : Kind  rate : percent in {}%..40% }}
               output {{ ok : bool }}
               rules first {{ rule R1 when {} > 50 and kind == k => true  otherwise R2 => false }} }}",
            if age.starts_with('1') { "9_007_199_254_740_993" } else { "9_007_199_254_740_992" },
            if age.starts_with('1') { 1 } else { 30 },
            if age.ends_with("optional") { "age or_else 0" } else { "age" },
        )
    };
    let open = |source: String| policy(open(source.into_bytes(), &Cache::Off).unwrap().0.artifact);
    let policies = [open(source("j, k", "16..120")), open(source("k, l, j", "0..99 optional"))];
    let mut random = Random(11);
    let ages = [-1i64, 0, 15, 16, 50, 51, 99, 100, 120, 121, i64::MAX];
    // 2^53 and 2^53 + 1 have the same double
    let bigs =
        [0.0, 1.5, 4e15, 9_007_199_254_740_991.0, 9_007_199_254_740_992.0, 1e300, f64::NAN, f64::INFINITY];
    let kinds = ["j", "k", "l", "m"];
    let rates = [0.005, 0.01, 0.3, 0.4, 0.41, 0.300001];
    let mut pick = |count: usize| random.below(count);
    let rows = 2000;
    let ages: Vec<Option<i64>> =
        (0..rows).map(|_| Some(ages[pick(ages.len())]).filter(|age| *age != 51)).collect();
    let bigs: Vec<f64> = (0..rows).map(|_| bigs[pick(bigs.len())]).collect();
    let kinds: Vec<&str> = (0..rows).map(|_| kinds[pick(kinds.len())]).collect();
    let rates: Vec<f64> = (0..rows).map(|_| rates[pick(rates.len())]).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("age", Arc::new(Int64Array::from(ages))),
        ("big", Arc::new(Float64Array::from(bigs))),
        ("kind", Arc::new(StringArray::from(kinds))),
        ("rate", Arc::new(Float64Array::from(rates))),
    ];
    let specs = columns.iter().map(|(name, array)| {
        let kept = Kept { data_type: array.data_type().clone(), ..Kept::text(name, false) };
        Spec { name: (*name).to_owned(), content: Content::Kept(kept), optional: true }
    });
    let layout = Arc::new(Layout::new(specs.collect(), &[], "the rows").unwrap());
    let path = file("rows.arrow", "");
    let (encoder, mut writer) = create(&output(&path, None).unwrap(), &layout).unwrap();
    let columns = columns.into_iter().map(|(_, array)| Data::Array(array)).collect();
    writer.append(encoder.encode(&Table { rows, columns }).unwrap()).unwrap();
    writer.finish().unwrap().name().unwrap();
    let found = check(&policies, &|schema| reading(&path, schema), &mut Random(3));
    std::fs::remove_file(&path).unwrap();
    assert!(found > 100, "{found}");
    let joint = Joint::new(policies[0].schema(), policies[1].schema()).unwrap();
    let names: Vec<&str> = joint.schema().inputs.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["age", "big", "kind", "rate", "big"]);
}
