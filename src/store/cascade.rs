//! What a deletion takes along, and the SQL that moves it: written once, from each table's column list.
//!
//! What must stay true: a move takes every column (a test compares these lists with the schema), rows never
//! leave the database on their way, and the tables are always named in the same order. A new dependent
//! kind is one more [`Table`].

mod back;
mod out;
mod secrets;
mod tables;

pub(super) use back::{RETURN, back};
pub(super) use out::{Step, cascade};
pub(super) use secrets::{Shred, shred};
pub(super) use tables::{CONNECTIONS, CONTENT, INTEGRATIONS, LINKS, MODELS, OUT_ORDER, Table};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kinds::RootKind;

    #[test]
    fn every_placeholder_is_one_the_statements_know() {
        let known = ["org", "root", "parent", "entry", "at", "fields"];
        let mut texts: Vec<&str> = Vec::new();
        for &kind in RootKind::ALL {
            let (cascade, back) = (cascade(kind), back(kind));
            texts.extend([
                &*cascade.impact,
                &cascade.protected,
                &cascade.sample,
                &cascade.references,
                &cascade.out_postgres,
                &back.postgres,
            ]);
            texts.extend(cascade.ids_sqlite.iter().map(|(_, text)| text.as_str()));
            for step in cascade.out_sqlite.iter().chain(&back.sqlite) {
                texts.extend([&*step.copy, &step.delete]);
            }
            if let Some(shred) = shred(kind) {
                texts.extend([
                    &*shred.count,
                    &shred.fields,
                    &shred.note,
                    &shred.slots_postgres,
                    &shred.slots_sqlite,
                    &shred.forget,
                    &shred.ends_postgres,
                ]);
                texts.extend(shred.ends_sqlite.iter().map(String::as_str));
                texts.extend(shred.keep.as_deref());
            }
        }
        texts.extend([
            &*RETURN.lock_other_ends,
            &RETURN.refile_links,
            &RETURN.links_back,
            &RETURN.links_clear,
        ]);
        for text in texts {
            for after in text.split('{').skip(1) {
                let name = after.split('}').next().unwrap();
                assert!(known.contains(&name), "{{{name}}} in {text}");
            }
        }
    }
}
