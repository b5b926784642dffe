//! Which value does a field have where a file lacks its column? That of `--fill FIELD=VALUE`.

use opus_ir::Schema;
use opus_runtime::admission::{Admission, Reading, Unit};

use crate::error::DataError;
use crate::mapping::Mapping;
use opus_runtime::near::did_you_mean;

impl Mapping {
    /// Takes `FIELD=VALUE`: a value as the policy writes it, or `missing`. The name of the field is the one that
    /// `name_now` makes of the one in the text.
    ///
    /// # Errors
    /// Where there is no such field, or it does not admit the value.
    ///
    /// ```
    /// use opus_data::Mapping;
    /// let policy = opus_runtime::example::policy();
    /// let mut mapping = Mapping::by_name(policy.schema());
    /// mapping.parse_fill("score=missing", policy.schema(), |name| name)?;
    /// assert_eq!(mapping.field(2).fill, Some(None));
    /// let error = mapping.parse_fill("income=missing", policy.schema(), |name| name).unwrap_err();
    /// assert_eq!(error.message, "`--fill income=missing`: `income` is not optional");
    /// # Ok::<(), opus_data::DataError>(())
    /// ```
    pub fn parse_fill<'a>(
        &mut self,
        fill: &'a str,
        schema: &Schema,
        name_now: impl Fn(&'a str) -> &'a str,
    ) -> Result<(), DataError> {
        let Some((name, value)) = fill.split_once('=').map(|(name, value)| (name.trim(), value.trim()))
        else {
            return Err(DataError::request(format!("`--fill {fill}` gives no value"))
                .remedy("write the name of a field and a value, such as `--fill score=700`"));
        };
        let now = name_now(name);
        // there are two of a name where two policies read its column as different kinds
        let fields: Vec<usize> =
            (0..schema.inputs.len()).filter(|index| schema.inputs[*index].name == now).collect();
        if fields.is_empty() {
            let names = schema.inputs.iter().map(|field| field.name.as_str());
            let failure = DataError::request(format!("`--fill {fill}`: there is no input field `{name}`"));
            return Err(DataError { remedy: did_you_mean(name, names), ..failure });
        }
        if value == "missing" {
            if fields.iter().any(|index| !schema.inputs[*index].optional) {
                return Err(DataError::request(format!("`--fill {fill}`: `{now}` is not optional")));
            }
            fields.into_iter().for_each(|index| self.fill(index, None));
            return Ok(());
        }
        let wrong =
            |index: &usize| Admission::new(schema, *index, Unit::Written).admit(Reading::Text(value)).err();
        let mut wrongs = fields.iter().filter_map(wrong);
        // the value has to be right for one of them
        if let Some(reason) = wrongs.next().filter(|_| wrongs.count() + 1 == fields.len()) {
            return Err(DataError::request(format!("`--fill {fill}`: {reason}")));
        }
        fields.into_iter().for_each(|index| self.fill(index, Some(value)));
        Ok(())
    }
}
