//! Figures with their floors and goals.

use serde_json::{Value, json};

/// What was measured.
#[derive(Default)]
pub(crate) struct Figures {
    figures: Vec<Value>,
    below: u32,
}

/// Which way is better.
#[derive(Clone, Copy)]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// What a figure should be.
pub(crate) struct Aim {
    pub(crate) better: Better,
    pub(crate) floor: f64,
    pub(crate) goal: f64,
}

impl Figures {
    /// Adds a figure; `detail` holds the rates that it came from.
    pub(crate) fn add(&mut self, name: &str, unit: &str, value: f64, aim: Option<&Aim>, detail: &Value) {
        let reaches = |limit: f64, better: Better| match better {
            Better::Higher => value >= limit,
            Better::Lower => value <= limit,
        };
        let mut figure = json!({ "name": name, "value": rounded(value), "unit": unit, "detail": detail });
        if let Some(aim) = aim {
            let above = reaches(aim.floor, aim.better);
            self.below += u32::from(!above);
            figure["floor"] = json!(aim.floor);
            figure["goal"] = json!(aim.goal);
            figure["reaches"] = json!(if reaches(aim.goal, aim.better) {
                "goal"
            } else if above {
                "floor"
            } else {
                "below"
            });
        }
        eprintln!("bench:   {name}: {} {unit}", rounded(value));
        self.figures.push(figure);
    }

    pub(crate) fn below(&self) -> u32 {
        self.below
    }

    pub(crate) fn json(&self) -> String {
        json!({ "figures": self.figures, "below": self.below }).to_string()
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The middle one of some measurements: what a single disturbance cannot move.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
