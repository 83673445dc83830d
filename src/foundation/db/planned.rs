//! Statements that PostgreSQL plans once per connection, for pages that are asked for all the time.

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Untyped;

/// SQL without parameters that a connection prepares once. [`diesel::sql_query`] has its text parsed and planned
/// anew each time, which for a small question takes longer than to answer it.
pub struct Fixed(String);

/// The text may have a few forms, such as one for each log, but none for each value: a connection keeps
/// every form that it has seen.
pub fn fixed(sql: impl Into<String>) -> Fixed {
    Fixed(sql.into())
}

impl QueryFragment<Pg> for Fixed {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(&self.0);
        Ok(())
    }
}

impl QueryId for Fixed {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Fixed {
    type SqlType = Untyped;
}

impl RunQueryDsl<PgConnection> for Fixed {}

/// The first rows of `query`, which has no limit of its own.
pub struct FirstRows<Q> {
    query: Q,
    rows: usize,
}

/// Writes the limit out. One that is a parameter, as diesel's own is, has PostgreSQL plan every time for the value
/// that it is given, which for a screenful takes longer than to fetch it.
pub fn first_rows<Q>(query: Q, rows: usize) -> FirstRows<Q> {
    FirstRows { query, rows }
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for FirstRows<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        out.push_sql(" LIMIT ");
        out.push_sql(&self.rows.to_string());
        Ok(())
    }
}

impl<Q> QueryId for FirstRows<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for FirstRows<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> RunQueryDsl<PgConnection> for FirstRows<Q> {}
