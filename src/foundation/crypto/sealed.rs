//! Columns whose values stand under the installation's own key, and how a value is put under a newer one.

use std::collections::BTreeMap;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bytea, Integer, Text};

use super::keyring::Keyring;
use crate::foundation::db::{self, Conn};

/// A column of ciphertexts. What binds each to its place is `table:column:` and the row's columns, with `:` between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub table: &'static str,
    pub column: &'static str,
    /// The columns that tell the row, in the order of the place, each with its type. They hold the primary key.
    pub row: &'static [(&'static str, &'static str)],
}

/// What came of one batch.
#[derive(Debug, Default)]
pub struct Rewrapped {
    /// The last row that was looked at; nothing when there was none left.
    pub last: Option<Vec<String>>,
    pub moved: u64,
    /// Values that do not open: under a key that is gone, or damaged. They stay as they are.
    pub unopened: u64,
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Array<Text>)]
    parts: Vec<String>,
    #[diesel(sql_type = Bytea)]
    sealed: Vec<u8>,
}

impl Sealed {
    /// What a value of this row is bound to.
    #[must_use]
    pub fn place(&self, row: &[String]) -> String {
        format!("{}:{}:{}", self.table, self.column, row.join(":"))
    }

    /// `table.column`, for people.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.table, self.column)
    }

    /// How many values stand under which key. What is no ciphertext of ours counts for key 0.
    pub fn counts(&self, conn: &mut Conn) -> db::Result<BTreeMap<u32, u64>> {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            key: i64,
            #[diesel(sql_type = BigInt)]
            values: i64,
        }
        let Self { table, column, .. } = self;
        let rows: Vec<Count> = sql_query(format!(
            "SELECT CASE WHEN octet_length({column}) < 5 THEN 0 \
                 ELSE ('x' || encode(substring({column} FROM 2 FOR 4), 'hex'))::bit(32)::bigint END AS key, \
                 count(*) AS values \
             FROM {table} WHERE {column} IS NOT NULL GROUP BY 1"
        ))
        .load(conn)?;
        let numbers = rows.into_iter().filter_map(|row| {
            Some((
                u32::try_from(row.key).ok()?,
                u64::try_from(row.values).ok()?,
            ))
        });
        Ok(numbers.collect())
    }

    /// Puts up to `limit` values after the row `after` under the newest key. A value that somebody changes meanwhile is
    /// left to them: they write under the newest key themselves, or the next pass finds it.
    pub fn rewrap(
        &self,
        conn: &mut Conn,
        keyring: &Keyring,
        after: Option<&[String]>,
        limit: i32,
    ) -> db::Result<Rewrapped> {
        let values = self.under_older(conn, keyring.newest(), after, limit)?;
        let mut done = Rewrapped {
            last: values.last().map(|value| value.parts.clone()),
            ..Rewrapped::default()
        };
        let mut fresh = Vec::with_capacity(values.len());
        for value in values {
            let place = self.place(&value.parts);
            match keyring.open(&place, &value.sealed) {
                Ok(plain) => fresh.push((keyring.seal(&place, &plain), value)),
                Err(error) => {
                    tracing::error!(place, %error, "a ciphertext does not open and stays as it is");
                    done.unopened += 1;
                }
            }
        }
        done.moved = self.replace(conn, &fresh)?;
        Ok(done)
    }

    fn under_older(
        &self,
        conn: &mut Conn,
        newest: u32,
        after: Option<&[String]>,
        limit: i32,
    ) -> db::Result<Vec<Value>> {
        let Self { table, column, row } = self;
        let names: Vec<&str> = row.iter().map(|(name, _)| *name).collect();
        let texts: Vec<String> = names.iter().map(|name| format!("{name}::text")).collect();
        let (names, texts) = (names.join(", "), texts.join(", "));
        let beyond = if after.is_some() {
            let given = row.iter().enumerate();
            let given: Vec<String> = given
                .map(|(position, (_, kind))| format!("${}::{kind}", position + 3))
                .collect();
            format!("AND ({names}) > ({})", given.join(", "))
        } else {
            String::new()
        };
        let query = sql_query(format!(
            "SELECT ARRAY[{texts}] AS parts, {column} AS sealed FROM {table} \
             WHERE substring({column} FROM 2 FOR 4) <> $1 {beyond} ORDER BY {names} LIMIT $2"
        ));
        let mut query = query
            .into_boxed::<Pg>()
            .bind::<Bytea, _>(newest.to_be_bytes().to_vec())
            .bind::<Integer, _>(limit);
        for part in after.unwrap_or_default() {
            query = query.bind::<Text, _>(part.clone());
        }
        Ok(query.load(conn)?)
    }

    fn replace(&self, conn: &mut Conn, fresh: &[(Vec<u8>, Value)]) -> db::Result<u64> {
        if fresh.is_empty() {
            return Ok(0);
        }
        let Self { table, column, row } = self;
        let numbered = row.iter().enumerate();
        let (mut given, mut named, mut same) = (Vec::new(), Vec::new(), Vec::new());
        for (position, (name, kind)) in numbered {
            given.push(format!("${}::text[]", position + 3));
            named.push(format!("k{position}"));
            same.push(format!("t.{name} = v.k{position}::{kind}"));
        }
        let (given, named, same) = (given.join(", "), named.join(", "), same.join(" AND "));
        let mut query = sql_query(format!(
            "UPDATE {table} t SET {column} = v.fresh \
             FROM unnest($1::bytea[], $2::bytea[], {given}) AS v (fresh, old, {named}) \
             WHERE {same} AND t.{column} = v.old"
        ))
        .into_boxed::<Pg>()
        .bind::<Array<Bytea>, _>(fresh.iter().map(|(new, _)| new.clone()).collect::<Vec<_>>())
        .bind::<Array<Bytea>, _>(
            fresh
                .iter()
                .map(|(_, old)| old.sealed.clone())
                .collect::<Vec<_>>(),
        );
        for position in 0..row.len() {
            let parts = fresh.iter().map(|(_, value)| value.parts[position].clone());
            query = query.bind::<Array<Text>, _>(parts.collect::<Vec<_>>());
        }
        Ok(query.execute(conn)? as u64)
    }
}
