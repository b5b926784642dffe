//! How far along is a command? On a terminal, a bar for anything that takes longer than a second.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::summary::grouped;
use crate::terminal::Terminal;
use opus_data::pipeline::Progress;

/// Progress is shown after this time.
const AFTER: Duration = Duration::from_secs(1);

/// A full bar.
const FULL: u64 = 1_000;

/// Shows progress on a terminal.
pub struct Shown {
    bar: Option<Mutex<Option<ProgressBar>>>,
    started: Instant,
}

impl Shown {
    /// Nothing is shown yet.
    pub fn new(terminal: &Terminal) -> Shown {
        Shown { bar: terminal.is_interactive().then(|| Mutex::new(None)), started: Instant::now() }
    }

    /// Shows the progress so far.
    pub fn update(&self, progress: Progress) {
        let elapsed = self.started.elapsed();
        let Some(bar) = self.bar.as_ref().filter(|_| elapsed > AFTER) else { return };
        let position = (progress.fraction.unwrap_or(0.0) * FULL as f64) as u64;
        let mut bar = bar.lock().expect("no thread panics with the lock");
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(FULL), ProgressDrawTarget::stderr());
            // without the length of the input, a bar has no total
            let template = match progress.fraction {
                Some(_) => "{bar:30} {percent:>3}%  {msg}",
                None => "{msg}",
            };
            let style = ProgressStyle::with_template(template);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_position(position)
        });
        bar.set_message(words(progress, elapsed));
        bar.set_position(position);
    }

    /// Removes the bar.
    pub fn clear(&self) {
        let bar =
            self.bar.as_ref().and_then(|bar| bar.lock().expect("no thread panics with the lock").take());
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }
}

/// `2,000,000 rows  12s, 30s left`
fn words(progress: Progress, elapsed: Duration) -> String {
    let short = |time: Duration| format!("{:#}", HumanDuration(Duration::from_secs(time.as_secs())));
    let left = match progress.fraction {
        Some(part) if part > 0.0 && part < 1.0 => {
            format!(", {} left", short(elapsed.mul_f64((1.0 - part) / part) + Duration::from_millis(999)))
        }
        _ => String::new(),
    };
    format!("{} rows  {}{left}", grouped(progress.rows), short(elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_where_the_whole_is_known() {
        let told = |rows, fraction, seconds: u64| {
            words(Progress { rows, fraction }, Duration::from_millis(seconds * 1000 + 300))
        };
        assert_eq!(told(2_000_000, Some(0.25), 10), "2,000,000 rows  10s, 31s left");
        assert_eq!(told(2_000_000, None, 10), "2,000,000 rows  10s");
        assert_eq!(told(8_000_000, Some(1.0), 41), "8,000,000 rows  41s");
        assert_eq!(told(0, Some(0.0), 3), "0 rows  3s");
    }
}
