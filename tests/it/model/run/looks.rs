//! What the trash tells of itself.

use std::collections::BTreeSet;

use reprieve::domain::ids::EntryId;
use reprieve::domain::kinds::EntryState;
use reprieve::service::pages::PageQuery;
use reprieve::service::trash;
use reprieve::store::filters::EntryFilter;

use super::trash::agree;
use super::{Agreement, Run};
use crate::model::rules::Refusals;
use crate::model::state::Id;
use crate::model::steps::Pick;

impl Run<'_> {
    /// One entry, and the list of those in the trash.
    pub(super) fn look(&mut self, entry: Pick) -> Agreement {
        self.look_at_list()?;
        let Some(entry) = self.pick_entry(entry) else {
            return Ok(());
        };
        let known = self.model.entries.get(&entry).cloned();
        let expected = known
            .as_ref()
            .map_or(Refusals::from(["not_found"]), |_| Refusals::new());
        let caller = self.caller.clone();
        let answer = self
            .world
            .read(|conn| trash::get(conn, &caller, EntryId(entry)));
        let (Some(view), Some(known)) = (self.settle(&expected, answer)?, known) else {
            return Ok(());
        };
        agree("the state", &view.state, &known.state)?;
        agree(
            "held",
            &view.held,
            &(known.is_open() && self.model.is_held(entry)),
        )?;
        agree("the date", &view.purge_at, &known.purge_at)?;
        self.blockers_agree(&view)
    }

    /// The list answers for each entry by one statement what a look at it works out.
    fn look_at_list(&mut self) -> Agreement {
        let caller = self.caller.clone();
        let filter = EntryFilter {
            state: Some(EntryState::InTrash),
            ..EntryFilter::default()
        };
        let everything = PageQuery::new(Some(200), None).unwrap();
        let answer = self
            .world
            .read(|conn| trash::list(conn, &caller, &filter, false, &everything));
        let Some(page) = self.settle(&Refusals::new(), answer)? else {
            return Ok(());
        };
        let told: BTreeSet<(Id, bool, bool)> = page
            .data
            .iter()
            .map(|view| (view.id.0, view.held, view.restorable))
            .collect();
        let known: BTreeSet<(Id, bool, bool)> = self
            .model
            .open_entries()
            .into_iter()
            .map(|id| {
                (
                    id,
                    self.model.is_held(id),
                    self.model.blockers(id).is_empty(),
                )
            })
            .collect();
        agree(
            "the list of the trash (id, held, restorable)",
            &told,
            &known,
        )
    }
}
