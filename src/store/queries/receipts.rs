//! Receipts, and the public halves of the keys that sign them. What a deletion writes is written by its move.

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, OrgId, ReceiptKeyId};
use crate::store::rows::{ReceiptKeyRow, ReceiptRow};
use crate::store::schema::{receipt_keys, receipts};

pub(in crate::store) fn find_receipt(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
) -> QueryResult<Option<ReceiptRow>> {
    receipts::table
        .find((org, entry))
        .select(ReceiptRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn insert_receipt_key(
    conn: &mut Conn,
    row: &ReceiptKeyRow,
) -> QueryResult<usize> {
    diesel::insert_into(receipt_keys::table)
        .values(row)
        .execute(conn)
}

pub(in crate::store) fn current_receipt_key(
    conn: &mut Conn,
    org: OrgId,
) -> QueryResult<Option<ReceiptKeyRow>> {
    receipt_keys::table
        .filter(receipt_keys::org_id.eq(org))
        .filter(receipt_keys::retired_at.is_null())
        .select(ReceiptKeyRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn list_receipt_keys(
    conn: &mut Conn,
    org: OrgId,
) -> QueryResult<Vec<ReceiptKeyRow>> {
    receipt_keys::table
        .filter(receipt_keys::org_id.eq(org))
        .order(receipt_keys::id)
        .select(ReceiptKeyRow::as_select())
        .load(conn)
}

pub(in crate::store) fn retire_receipt_key(
    conn: &mut Conn,
    org: OrgId,
    id: ReceiptKeyId,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(
        receipt_keys::table
            .find((org, id))
            .filter(receipt_keys::retired_at.is_null()),
    )
    .set(receipt_keys::retired_at.eq(at))
    .execute(conn)
}
