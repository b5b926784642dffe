//! Which part of a column does a field read? All of it, or a member of the structs that it holds.
//!
//! A member is read as if it were a column: where a struct is null, each of its members is missing.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Fields};
use arrow_select::nullif::nullif;

use crate::error::DataError;

/// A column, or a member of the structs in a column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The column, by its position in the file.
    pub column: usize,
    /// The way from there, by position in each struct, outermost first; empty where it is the column itself.
    pub within: Vec<usize>,
}

impl Member {
    /// A whole column.
    pub fn whole(column: usize) -> Member {
        Member { column, within: Vec::new() }
    }

    /// What the file says of it. The columns are those in which it was found.
    pub fn field<'a>(&self, columns: &'a Fields) -> &'a Field {
        self.fields(columns).last().expect("the way begins with a column")
    }

    /// The fields on the way to it, outermost first.
    pub fn fields<'a>(&self, columns: &'a Fields) -> Vec<&'a Field> {
        let mut way = vec![columns[self.column].as_ref()];
        for position in &self.within {
            let DataType::Struct(members) = way[way.len() - 1].data_type() else {
                unreachable!("only structs have members")
            };
            way.push(&members[*position]);
        }
        way
    }

    /// Its name: the names on the way, with a dot between them.
    pub fn name(&self, columns: &Fields) -> String {
        let names: Vec<&str> = self.fields(columns).iter().map(|field| field.name().as_str()).collect();
        names.join(".")
    }

    /// Its values, out of those of the column.
    ///
    /// # Errors
    /// Where the library cannot mark values as missing.
    pub fn of(&self, column: ArrayRef) -> Result<ArrayRef, DataError> {
        within(column, self.within.iter().copied())
    }
}

/// A member of the structs in a column, by the positions on the way; missing where any struct on the way is.
///
/// # Errors
/// Where the library cannot mark values as missing.
pub fn within(column: ArrayRef, way: impl Iterator<Item = usize>) -> Result<ArrayRef, DataError> {
    let (mut array, mut present) = (column, None);
    for position in way {
        present = NullBuffer::union(present.as_ref(), array.nulls());
        array = array.as_struct().column(position).clone();
    }
    let Some(present) = present.filter(|present| present.null_count() > 0) else { return Ok(array) };
    let is_missing = BooleanArray::new(!present.inner(), None);
    nullif(&array, &is_missing)
        .map_err(|error| DataError::defect(format!("a member of a struct cannot be read: {error}")))
}
