//! What do people read of the experiment? One page, with the published tables as these runs measured them, and the published
//! figures beside them; and behind it, every run.
//!
//! In reading order: what the page says ([`content`], with tables 1 to 4 in `design` and table 10 in `properties`) and what
//! was published (`published`); the runs behind it ([`runs`]); the parts that pages are made of ([`page`]), a page as Markdown
//! ([`markdown`]) and as HTML ([`html`]) with its figures ([`figures`]).

pub mod content;
mod design;
pub mod figures;
pub mod html;
pub mod markdown;
pub mod page;
mod properties;
mod published;
pub mod runs;

use std::fs;
use std::path::Path;

use crate::Failure;
use crate::matrix::whole;
use crate::record::Record;

/// Writes the page in both forms, and the records behind its figures, a page and a file of JSON for each system and scenario.
///
/// # Errors
/// Where a file cannot be written.
pub fn write(folder: &Path, material: &content::Material<'_>) -> Result<(), Failure> {
    for (kind, records) in [("records", material.records), ("beyond/records", material.beyond_records)] {
        write_records(folder, kind, records)?;
    }
    for (path, page) in runs::pages(material) {
        whole(&folder.join(path), &html::render(&page))?;
    }
    let page = content::page(material);
    whole(&folder.join("report.md"), &markdown::render(&page))?;
    whole(&folder.join("report.html"), &html::render(&page))
}

fn write_records(folder: &Path, kind: &str, records: &[Record]) -> Result<(), Failure> {
    let mut cohorts: std::collections::BTreeMap<(&str, &str), Vec<&Record>> = Default::default();
    for record in records {
        cohorts.entry((&record.system, &record.scenario)).or_default().push(record);
    }
    for ((system, scenario), mut records) in cohorts {
        records.sort_by_key(|record| record.run);
        let folder = folder.join(kind).join(system);
        fs::create_dir_all(&folder).map_err(|error| Failure::io(&folder, "created", &error))?;
        let text = serde_json::to_string_pretty(&records).expect("records are JSON");
        whole(&folder.join(format!("{scenario}.json")), &format!("{text}\n"))?;
    }
    Ok(())
}
