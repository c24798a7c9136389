//! What no template may hold: the policy of the pages forbids it, or it would let a name be more than text.

use std::path::{Path, PathBuf};

fn templates(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            templates(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "html")
        {
            found.push(path);
        }
    }
}

#[test]
fn no_template_switches_escaping_off_or_has_a_script_a_style_or_a_handler_in_it() {
    let mut found = Vec::new();
    templates(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http"),
        &mut found,
    );
    assert!(found.len() > 15, "{found:?}");
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let flat = text.replace(char::is_whitespace, " ");
        for forbidden in [
            "|safe",
            "| safe",
            "escape none",
            "escape \"none\"",
            "autoescape",
            "<script>",
            " style=",
            "javascript:",
        ] {
            assert!(!flat.contains(forbidden), "{}: {forbidden}", path.display());
        }
        for attribute in flat
            .split(' ')
            .filter_map(|word| word.split_once('='))
            .map(|(name, _)| name)
        {
            assert!(
                !(attribute.len() > 3
                    && attribute.starts_with("on")
                    && attribute.chars().all(|c| c.is_ascii_lowercase())),
                "{}: {attribute}",
                path.display()
            );
        }
    }
}

#[test]
fn every_form_that_changes_something_carries_the_token() {
    let mut found = Vec::new();
    templates(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/console"),
        &mut found,
    );
    let mut forms = 0;
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        for form in text
            .split("<form")
            .skip(1)
            .filter(|form| form.contains("method=\"post\""))
        {
            let form = form.split("</form>").next().unwrap();
            assert!(
                form.contains("name=\"csrf\" value=\"{{ "),
                "{}: {form}",
                path.display()
            );
            forms += 1;
        }
    }
    assert!(forms >= 8, "{forms}");
}
