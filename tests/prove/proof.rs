//! What was tried, what came of it, and the figures that go with it.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

/// A claim and its cases.
pub(crate) struct Proof {
    claim: &'static str,
    cases: Vec<Case>,
    figures: Map<String, Value>,
    left_out: Option<String>,
}

struct Case {
    name: String,
    trouble: Option<String>,
    detail: String,
    /// How many it stands for, and how many of these are not as claimed.
    tried: usize,
    failed: usize,
}

/// Cases of a group that are told in full when they are not as claimed.
const TOLD_MAX: usize = 5;

impl Proof {
    pub(crate) fn of(claim: &'static str) -> Proof {
        Proof { claim, cases: Vec::new(), figures: Map::new(), left_out: None }
    }

    /// Notes a case that is as claimed.
    pub(crate) fn holds(&mut self, name: impl Into<String>, detail: impl Into<String>) {
        self.cases.push(Case { name: name.into(), trouble: None, detail: detail.into(), tried: 1, failed: 0 });
    }

    /// Notes a case that is not.
    pub(crate) fn fails(&mut self, name: impl Into<String>, trouble: impl Into<String>) {
        let (name, trouble) = (name.into(), Some(trouble.into()));
        self.cases.push(Case { name, trouble, detail: String::new(), tried: 1, failed: 1 });
    }

    /// Notes many cases of one kind in one row.
    pub(crate) fn group(&mut self, name: impl Into<String>, tried: usize, wrong: &[String]) {
        let detail = format!("{tried} cases");
        let told: Vec<&str> = wrong.iter().take(TOLD_MAX).map(String::as_str).collect();
        let trouble = format!("{} of {tried} cases, such as\n      {}", wrong.len(), told.join("\n      "));
        // Nothing tried is nothing proved.
        let trouble =
            if tried == 0 { Some("nothing was tried".to_owned()) } else { Some(trouble).filter(|_| !wrong.is_empty()) };
        let failed = if tried == 0 { 1 } else { wrong.len() };
        self.cases.push(Case { name: name.into(), trouble, detail, tried, failed });
    }

    /// Notes a case by whether it is as claimed.
    pub(crate) fn case(&mut self, name: impl Into<String>, is_so: bool, detail: impl Into<String>) {
        if is_so { self.holds(name, detail) } else { self.fails(name, detail) }
    }

    /// Notes that nothing can be tried on this machine, and why.
    pub(crate) fn left_out(&mut self, why: &str) {
        self.left_out = Some(why.to_owned());
    }

    /// Adds a figure to the last line.
    pub(crate) fn figure(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// Prints everything; a failure when any case failed.
    pub(crate) fn tell(self) -> ExitCode {
        println!("\n{}\n", self.claim);
        let width = self.cases.iter().map(|case| case.name.chars().count()).max().unwrap_or(0);
        for case in &self.cases {
            let (mark, text) = match &case.trouble {
                None => ("✓", &case.detail),
                Some(trouble) => ("✗", trouble),
            };
            println!("  {mark} {:width$}  {text}", case.name);
        }
        if let Some(why) = &self.left_out {
            println!("  – left out: {why}");
        }
        let tried: usize = self.cases.iter().map(|case| case.tried).sum();
        let failed: usize = self.cases.iter().map(|case| case.failed).sum();
        println!();
        for (name, value) in &self.figures {
            println!("  {name}: {value}");
        }
        let mut line = json!({ "claim": self.claim, "cases": tried, "failed": failed });
        if let Some(object) = line.as_object_mut() {
            object.extend(self.figures);
        }
        if let Some(why) = &self.left_out {
            line["left_out"] = json!(why);
        }
        println!("\n{line}");
        // Nothing tried is nothing proved, unless that was said.
        if failed == 0 && (tried > 0 || self.left_out.is_some()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
