//! What do the figures show? Bars with their numbers, and two drawings, as SVG in the colours of the page.

use super::html::escaped;

/// A bar: its label, the measured value if there is one, and the published one.
#[derive(Clone, PartialEq, Debug)]
pub struct Bar {
    /// What it is of.
    pub label: String,
    /// What these runs measured.
    pub measured: Option<f64>,
    /// What was published.
    pub published: Option<f64>,
}

const WIDTH: f64 = 720.0;
const LEFT: f64 = 190.0;
const ROW: f64 = 46.0;

/// Bars from 0 to `most`, measured above published. `unit` follows each number.
pub fn bars(title: &str, bars: &[Bar], most: f64, decimals: usize, unit: &str) -> String {
    let height = ROW * bars.len() as f64 + 10.0;
    let room = WIDTH - LEFT - 120.0;
    let mut body = String::new();
    for (index, bar) in bars.iter().enumerate() {
        let top = ROW * index as f64 + 8.0;
        body += &text(LEFT - 12.0, top + 20.0, "end", &bar.label, "");
        for (value, y, style, what) in [
            (bar.measured, top, "fill:var(--mark)", "measured"),
            (bar.published, top + 17.0, "fill:none;stroke:currentColor;stroke-dasharray:3 2", "published"),
        ] {
            let shown = match value {
                Some(value) => {
                    let length = (value / most).clamp(0.0, 1.0) * room;
                    body += &format!(
                        "<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"12\" style=\"{style}\"/>",
                        y + 1.0
                    );
                    (length, format!("{value:.decimals$}{unit} {what}"))
                }
                None => (0.0, format!("not {what}")),
            };
            body += &text(LEFT + shown.0 + 6.0, y + 11.0, "start", &shown.1, "font-size:12px");
        }
    }
    svg(title, WIDTH, height, &body)
}

/// Where a model stands: before decisions, or inside each.
pub fn positions() -> String {
    let mut body = String::new();
    let lanes = [
        ("a model writes the policy, once", &["prose", "model", "policy", "compiler", "decisions"][..], 1),
        ("a model makes each decision", &["prose", "prompt", "model", "decisions"][..], 2),
    ];
    for (lane, (title, boxes, model)) in lanes.iter().enumerate() {
        let top = 20.0 + 100.0 * lane as f64;
        body += &text(10.0, top, "start", title, "font-weight:600");
        for (at, word) in boxes.iter().enumerate() {
            let x = 10.0 + 140.0 * at as f64;
            let style = if at == *model {
                "fill:var(--tint);stroke:var(--bad);stroke-width:2"
            } else {
                "fill:var(--tint);stroke:currentColor"
            };
            body += &format!(
                "<rect x=\"{x}\" y=\"{}\" width=\"110\" height=\"38\" rx=\"4\" style=\"{style}\"/>",
                top + 14.0
            );
            body += &text(x + 55.0, top + 38.0, "middle", word, "");
            if at + 1 < boxes.len() {
                body += &format!(
                    "<path d=\"M{} {y} h24 m-6 -4 l6 4 l-6 4\" style=\"fill:none;stroke:currentColor\"/>",
                    x + 112.0,
                    y = top + 33.0
                );
            }
        }
        let (from, to) = if lane == 0 { (4, 4) } else { (1, 3) };
        let x = 10.0 + 140.0 * f64::from(from) - 6.0;
        let width = 140.0 * f64::from(to - from) + 122.0;
        body += &format!(
            "<rect x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"50\" rx=\"6\" style=\"fill:none;stroke:currentColor;stroke-dasharray:4 3\"/>",
            top + 8.0
        );
        body += &text(x + width / 2.0, top + 72.0, "middle", "at run time, for every case", "font-size:12px");
    }
    svg("The two positions of a language model", WIDTH, 210.0, &body)
}

fn text(x: f64, y: f64, anchor: &str, words: &str, style: &str) -> String {
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" style=\"fill:currentColor;{style}\">{}</text>",
        escaped(words)
    )
}

fn svg(title: &str, width: f64, height: f64, body: &str) -> String {
    format!(
        "<svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"14\">{body}</svg>",
        escaped(title)
    )
}
