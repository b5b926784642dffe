//! How far is it? A bar on a terminal, for what takes longer than a second.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::summary::grouped;
use crate::terminal::Terminal;

/// Progress is shown of what takes longer than this.
const AFTER: Duration = Duration::from_secs(1);

/// A full bar.
const FULL: u64 = 1_000;

/// What shows progress to a person, where there is one.
pub struct Shown {
    bar: Option<Mutex<Option<ProgressBar>>>,
    started: Instant,
}

impl Shown {
    /// Nothing to show yet.
    pub fn new(terminal: &Terminal) -> Shown {
        Shown { bar: terminal.is_interactive().then(|| Mutex::new(None)), started: Instant::now() }
    }

    /// So many rows are done, and so much of the whole, from 0 to 1, where that is known.
    pub fn update(&self, rows: u64, fraction: Option<f64>) {
        let Some(bar) = self.bar.as_ref().filter(|_| self.started.elapsed() > AFTER) else { return };
        let mut bar = bar.lock().expect("no thread panics with the lock");
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(FULL), ProgressDrawTarget::stderr());
            // without the length of the input there is nothing that a bar could be a part of
            let template = match fraction {
                Some(_) => "{bar:40} {percent:>3}%  {msg}  {elapsed}",
                None => "{msg}  {elapsed}",
            };
            let style = ProgressStyle::with_template(template);
            bar.with_elapsed(self.started.elapsed())
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_message(format!("{} rows", grouped(rows)));
        if let Some(fraction) = fraction {
            bar.set_position((fraction * FULL as f64) as u64);
        }
    }

    /// Nothing is shown any more.
    pub fn clear(&self) {
        let bar =
            self.bar.as_ref().and_then(|bar| bar.lock().expect("no thread panics with the lock").take());
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }
}
