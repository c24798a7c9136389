//! `reprieve verify`: the database against the promises.

use std::process::ExitCode;

use super::output::{complain, count, plain, say};
use super::{InWords as _, open};
use crate::config::Config;
use crate::service::verify::{self, Report};

pub(super) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let services = open(config)?;
    let report = verify::verify(&services).in_words()?;
    say(&render(&report))?;
    let broken = report
        .checks
        .iter()
        .filter(|check| !check.problems.is_empty())
        .count();
    if broken == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    complain(&format!(
        "{} broken in {}",
        count(broken, "promise is", "promises are"),
        config.database
    ));
    Ok(ExitCode::FAILURE)
}

/// A line for each check, with its problems under it.
pub(super) fn render(report: &Report) -> String {
    let mut lines = Vec::new();
    for check in &report.checks {
        let outcome = if check.problems.is_empty() {
            "ok    "
        } else {
            "BROKEN"
        };
        lines.push(format!("{outcome}  {}", check.name));
        lines.extend(
            check
                .problems
                .iter()
                .map(|problem| format!("        {}", plain(problem))),
        );
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::verify::Check;

    #[test]
    fn each_check_has_a_line_and_each_problem_under_it() {
        let check = |name, problems: &[&str]| Check {
            name,
            problems: problems.iter().map(|&p| p.to_owned()).collect(),
        };
        let report = Report {
            checks: vec![
                check("one place", &[]),
                check("counts", &["entry 1: 2, not 3"]),
            ],
        };
        assert_eq!(
            render(&report),
            "ok      one place\nBROKEN  counts\n        entry 1: 2, not 3"
        );
    }
}
