//! One key for each customer, so that erasing a person is destroying a key.

use std::collections::HashMap;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::keyring::{Keyring, open_with, random, seal_with};
use crate::foundation::db::schema::subject_key;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{Secret, SubjectId};

/// A customer's key, unwrapped. It lives as long as the work on that customer.
pub struct SubjectKey(Secret<[u8; 32]>);

impl SubjectKey {
    #[must_use]
    pub fn seal(&self, aad: &str, plaintext: &[u8]) -> Vec<u8> {
        seal_with(self.0.expose(), aad, plaintext)
    }

    pub fn open(&self, aad: &str, sealed: &[u8]) -> db::Result<Vec<u8>> {
        Ok(open_with(self.0.expose(), aad, sealed)?)
    }
}

/// Makes the keys of customers that are new; for one that has a key already nothing changes.
pub fn create(conn: &mut Conn, keyring: &Keyring, subjects: &[SubjectId]) -> db::Result<()> {
    let rows: Vec<_> = subjects
        .iter()
        .map(|subject| {
            let wrapped = keyring.seal(&place(*subject), &random::<32>());
            (
                subject_key::subject_id.eq(subject.uuid()),
                subject_key::wrapped.eq(wrapped),
            )
        })
        .collect();
    diesel::insert_into(subject_key::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(conn)?;
    Ok(())
}

/// The keys that still exist; a customer who is missing from the answer has been erased.
pub fn load(
    conn: &mut Conn,
    keyring: &Keyring,
    subjects: &[SubjectId],
) -> db::Result<HashMap<SubjectId, SubjectKey>> {
    let ids: Vec<_> = subjects.iter().map(|subject| subject.uuid()).collect();
    let rows: Vec<(uuid::Uuid, Vec<u8>)> = subject_key::table
        .filter(subject_key::subject_id.eq_any(ids))
        .select((subject_key::subject_id, subject_key::wrapped))
        .load(conn)?;
    if rows.len() < subjects.len() && !names_somebody(conn)? {
        return Err(db::Error::Damaged(
            "customers' keys were asked for in nobody's name, and so nobody sees them",
        ));
    }
    rows.into_iter()
        .map(|(id, wrapped)| {
            let subject = SubjectId::from(id);
            let key = keyring.open(&place(subject), &wrapped)?;
            let key: [u8; 32] = key.try_into().map_err(|_| super::CryptoError::Tampered)?;
            Ok((subject, SubjectKey(Secret::new(key))))
        })
        .collect()
}

/// Whether the transaction says on whose behalf it works. To one that does not, row security shows no key, and every
/// customer would seem to have been erased.
fn names_somebody(conn: &mut Conn) -> db::Result<bool> {
    let named = "coalesce(current_setting('app.actor', true), '') <> '' OR NOT row_security_active('subject_key')";
    Ok(diesel::select(sql::<Bool>(named)).get_result(conn)?)
}

/// One customer's key; `None` when it has been destroyed.
pub fn load_one(
    conn: &mut Conn,
    keyring: &Keyring,
    subject: SubjectId,
) -> db::Result<Option<SubjectKey>> {
    Ok(load(conn, keyring, &[subject])?.remove(&subject))
}

/// Erases the customer: what was encrypted under the key can never be read again.
pub fn destroy(conn: &mut Conn, subject: SubjectId) -> db::Result<()> {
    diesel::delete(subject_key::table.find(subject.uuid())).execute(conn)?;
    Ok(())
}

fn place(subject: SubjectId) -> String {
    format!("subject_key:wrapped:{subject}")
}
