//! Tables, printed and written to `docs/performance.md`.

use std::{fmt, path::Path};

use anyhow::Context;

use crate::machine::Machine;

/// One table with what has to be said of it.
pub struct Section {
    pub title: &'static str,
    pub about: &'static str,
    pub head: &'static [&'static str],
    pub rows: Vec<Vec<String>>,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n\n{}\n", self.title, self.about)?;
        writeln!(f, "| {} |", self.head.join(" | "))?;
        writeln!(f, "| --- |{}", " ---: |".repeat(self.head.len() - 1))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))
    }
}

/// A number as people read it: three digits that count.
pub fn number(value: f64) -> String {
    match value {
        value if value >= 10_000.0 => {
            let thousands = format!("{value:.0}");
            let (head, tail) = thousands.split_at(thousands.len() - 3);
            format!("{head},{tail}")
        }
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Writes the page.
pub fn write(machine: &Machine, sections: &[Section]) -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    let mut page = format!(
        "# How fast it is\n\n\
         Written by `cargo bench --bench service` on {}. Each figure stands beside a reference that was measured in the same \
         run: machines differ, ratios less so. All runs with the real binary (profile `release`, logging at `info`), a \
         PostgreSQL that waits for its disk, load generator, sink and service on the same cores.\n",
        machine.describe()
    );
    for section in sections {
        page.push_str(&format!("\n{section}"));
    }
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}
