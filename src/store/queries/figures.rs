//! The database in numbers, for a scrape of the metrics.

use diesel::prelude::*;

use super::{Conn, count_open_alarms};
use crate::domain::clock::Ts;
use crate::store::figures::{DUE, Figures, TOTALS};
use crate::store::types::Moment;

/// What is due by `now`, and the rest of it.
pub(in crate::store) fn figures(
    conn: &mut Conn,
    now: Ts,
    held_since: Ts,
    used_since: Ts,
) -> QueryResult<Figures> {
    let totals = diesel::sql_query(TOTALS).get_result(conn)?;
    let due = diesel::sql_query(DUE)
        .bind::<Moment, _>(held_since)
        .bind::<Moment, _>(used_since)
        .bind::<Moment, _>(now)
        .load(conn)?;
    Ok(Figures::new(now, totals, due, count_open_alarms(conn)?))
}
