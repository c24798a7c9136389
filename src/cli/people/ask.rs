//! Questions at a terminal. They go to stderr, so that stdout holds results alone.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;

use super::Failure;
use crate::cli::output::{plain, remark};
use crate::secrets::value::SecretValue;

/// Whether there is somebody to ask.
pub(in crate::cli) fn somebody_is_there() -> bool {
    io::stdin().is_terminal()
}

/// Refuses to go on where nobody can be asked and `--yes` has not been said.
pub(in crate::cli) fn require_somebody() -> Result<(), Failure> {
    if somebody_is_there() {
        return Ok(());
    }
    Err(Failure::Usage(
        "there is no terminal to ask at: add --yes, or look first with --dry-run".to_owned(),
    ))
}

/// Asks for a line.
pub(in crate::cli) fn line(question: &str) -> Result<String, Failure> {
    let mut stderr = io::stderr();
    let mut answer = String::new();
    write!(stderr, "{question} ")
        .and_then(|()| stderr.flush())
        .and_then(|()| io::stdin().read_line(&mut answer))
        .context("the question can't be asked")?;
    if !answer.ends_with('\n') {
        // The answer was the end of the input: leave the line of the question.
        remark("");
    }
    Ok(answer.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks yes or no; anything but yes is no. Without a terminal `--yes` must have said it.
pub(in crate::cli) fn agree(question: &str, yes: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    require_somebody()?;
    let answer = line(&format!("{question} [y/N]"))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Asks for a secret, which is not shown while it is typed; nothing typed is none.
pub(in crate::cli) fn secret(label: &str) -> Result<Option<SecretValue>, Failure> {
    let typed = rpassword::prompt_password(format!("{}: ", plain(label)))
        .context("the secret can't be asked for at this terminal")?;
    if typed.is_empty() {
        return Ok(None);
    }
    Ok(Some(SecretValue::parse(typed).map_err(anyhow::Error::new)?))
}
