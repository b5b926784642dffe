//! Which rows have the same value in a column?

use std::collections::HashMap;

use opus_runtime::admission::Reading;

use crate::ColumnData;
use crate::cells::Cells;
use crate::chunk::Kept;
use crate::error::DataError;
use crate::json_lines::unquoted;

/// Rows by their value in a column.
///
/// ```
/// use arrow_array::{ArrayRef, StringArray};
/// use opus_data::{Groups, Kept};
/// use std::sync::Arc;
/// let column: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a"), Some("b")]));
/// let groups = Groups::of(&column.into(), &Kept::text("region", false), 10)?;
/// assert_eq!(groups.values, [Some("b".to_owned()), None, Some("a".to_owned())]);
/// assert_eq!(groups.of_row, [0, 1, 2, 0]);
/// # Ok::<(), opus_data::DataError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Groups {
    /// The values, as texts, in the order of their first rows; `None` where there is none.
    pub values: Vec<Option<String>>,
    /// By row, the place of its value.
    pub of_row: Vec<u32>,
}

impl Groups {
    /// The rows of a column.
    ///
    /// # Errors
    /// Where it has more than `most` values, or a page is damaged.
    pub fn of(column: &ColumnData, kept: &Kept, most: usize) -> Result<Groups, DataError> {
        let array = column.array()?;
        let cells = Cells::new(array.as_ref(), 0);
        let mut groups = Groups::default();
        let mut known: HashMap<String, u32> = HashMap::new();
        let (mut missing, mut scratch, mut text) = (None, String::new(), String::new());
        for row in 0..array.len() {
            let next = groups.values.len() as u32;
            text.clear();
            match cells.reading(row, &mut scratch) {
                Reading::Missing => {
                    let place = *missing.get_or_insert_with(|| {
                        groups.values.push(None);
                        next
                    });
                    groups.of_row.push(place);
                    continue;
                }
                Reading::Text(found) if kept.is_json => text.push_str(&unquoted(found)),
                Reading::Text(found) => text.push_str(found),
                other => text = other.to_string(),
            }
            let place = known.get(&text).copied().unwrap_or_else(|| {
                known.insert(text.clone(), next);
                groups.values.push(Some(text.clone()));
                next
            });
            groups.of_row.push(place);
            if groups.values.len() > most {
                return Err(Groups::too_many(&kept.name, most));
            }
        }
        Ok(groups)
    }

    /// That a column has more values than `most`.
    pub fn too_many(column: &str, most: usize) -> DataError {
        DataError::request(format!("column `{column}` has more than {most} values, too many to group by"))
            .remedy("choose a column with fewer values, such as a region or a product")
    }
}
