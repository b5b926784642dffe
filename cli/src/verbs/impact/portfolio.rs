//! How does a portfolio map to the fields of two policies? As for one policy, but a renamed field or value may have either
//! name, and a field that the portfolio lacks may be filled in.

use std::path::Path;

use opus_data::{DataError, Digest, Intake, Mapping};
use opus_govern::diff::{Family, Rename};
use opus_govern::joint::Joint;
use opus_ir::Kind;
use opus_runtime::Schema;

use crate::args::Compared;
use crate::endpoints::kept_once;
use crate::failure::Failure;

/// What is read of the inputs.
pub struct Portfolio {
    pub intake: Intake,
    /// The mapping file, by name, with the hash of what was read.
    pub mapping_file: Option<(String, String)>,
    /// The position among the kept columns of the one that rows are grouped by.
    pub by: Option<usize>,
}

/// What the command line says of the inputs.
pub fn read(
    args: &Compared,
    by: Option<&str>,
    joint: &Joint,
    renames: &[Rename],
) -> Result<Portfolio, Failure> {
    let schema = joint.schema();
    let (mut mapping, mapping_file) = match &args.columns {
        Some(path) => {
            let (mapping, hash) = mapping_of(path, schema, renames)?;
            (mapping, Some((path.display().to_string(), hash)))
        }
        None => (Mapping::by_name(schema), None),
    };
    for rename in renames {
        rename_in(&mut mapping, schema, rename);
    }
    for fill in &args.fill {
        fill_in(&mut mapping, schema, renames, fill)?;
    }
    kept_once(&args.keep)?;
    let mut keep = args.keep.clone();
    let by = by.map(|by| {
        keep.iter().position(|name| name == by).unwrap_or_else(|| {
            keep.push(by.to_owned());
            keep.len() - 1
        })
    });
    Ok(Portfolio { intake: Intake { schema: schema.clone(), mapping, keep }, mapping_file, by })
}

/// The mapping file, which has the names after all renames, or those before.
fn mapping_of(path: &Path, schema: &Schema, renames: &[Rename]) -> Result<(Mapping, String), DataError> {
    let hashed = |schema: &Schema| {
        let (mapping, text) = Mapping::read_with_text(path, schema)?;
        Ok((mapping, Digest::of(text.as_bytes()).blake3.to_string()))
    };
    let found: Result<(Mapping, String), DataError> = hashed(schema);
    let Err(failure) = found else { return found };
    let mut before = schema.clone();
    for rename in renames.iter().rev() {
        let name = |name: &mut String| {
            if *name == rename.after {
                name.clone_from(&rename.before);
            }
        };
        match &rename.family {
            Family::Input => before.inputs.iter_mut().for_each(|field| name(&mut field.name)),
            Family::EnumValue(of) => {
                let enums = before.enums.iter_mut().filter(|definition| definition.name == *of);
                enums.flat_map(|definition| &mut definition.values).for_each(|value| name(&mut value.name));
            }
            _ => {}
        }
    }
    let (mut mapping, hash) = hashed(&before).map_err(|_| failure)?;
    for rename in renames {
        let Family::EnumValue(of) = &rename.family else { continue };
        for index in (0..schema.inputs.len()).filter(|index| enum_of(schema, *index) == Some(of)) {
            mapping.rename_value(index, &rename.before, &rename.after);
        }
    }
    Ok((mapping, hash))
}

/// The name of the enum of a field.
fn enum_of(schema: &Schema, index: usize) -> Option<&String> {
    match schema.inputs[index].kind {
        Kind::Enum(definition) => Some(&schema.enums[definition as usize].name),
        _ => None,
    }
}

/// The fields of a name: there are two where the policies read its column as different kinds.
fn named<'a>(schema: &'a Schema, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    (0..schema.inputs.len()).filter(move |index| schema.inputs[*index].name == name)
}

/// Lets the portfolio have the name before a rename too, unless it means something else now.
fn rename_in(mapping: &mut Mapping, schema: &Schema, rename: &Rename) {
    match &rename.family {
        Family::Input if named(schema, &rename.before).next().is_none() => {
            named(schema, &rename.after).for_each(|index| mapping.also_called(index, &rename.before));
        }
        Family::EnumValue(of) => {
            for (index, field) in schema.inputs.iter().enumerate() {
                let Kind::Enum(definition) = field.kind else { continue };
                let definition = &schema.enums[definition as usize];
                let has = |name: &str| definition.values.iter().any(|value| value.name == name);
                if definition.name == *of && has(&rename.after) && !has(&rename.before) {
                    mapping.also_means(index, &rename.before, &rename.after);
                }
            }
        }
        _ => {}
    }
}

/// `--fill FIELD=VALUE`, with the name of the field before a rename or after it.
fn fill_in<'a>(
    mapping: &mut Mapping,
    schema: &Schema,
    renames: &'a [Rename],
    fill: &'a str,
) -> Result<(), DataError> {
    mapping.parse_fill(fill, schema, |name| {
        let renamed = renames.iter().find(|rename| rename.family == Family::Input && rename.before == name);
        renamed.filter(|_| named(schema, name).next().is_none()).map_or(name, |rename| &rename.after)
    })
}
