use diesel::prelude::*;
use uuid::Uuid;

use super::super::subject::{Personal, Risk, Status, SubjectKind};
use super::batches::page_limit;
use super::records;
use crate::foundation::crypto::Keyring;
use crate::foundation::db::schema::{subject, subject_token};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope, SubjectId};
use crate::foundation::web::paging::{Cursor, Direction, Page};

/// Which subjects are wanted.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The platforms in reach; nobody else is found.
    pub scope: Scope,
    pub platform: Option<PlatformId>,
    pub status: Option<Status>,
    pub risk: Option<Risk>,
    pub kind: Option<SubjectKind>,
    /// An outside id exactly as typed, or else the tokens: each inner list holds alternatives.
    pub external_id: Option<String>,
    pub tokens: Vec<Vec<Vec<u8>>>,
}

impl Filter {
    /// Everybody in reach.
    pub fn within(scope: Scope) -> Self {
        Self {
            scope,
            platform: None,
            status: None,
            risk: None,
            kind: None,
            external_id: None,
            tokens: Vec::new(),
        }
    }
}

/// A subject as a list shows it.
#[derive(Clone, Debug)]
pub struct SubjectLine {
    pub id: SubjectId,
    pub platform: PlatformId,
    pub external_id: String,
    pub kind: SubjectKind,
    pub status: Status,
    pub risk: Option<Risk>,
    /// `None` once the subject has been erased.
    pub personal: Option<Personal>,
}

/// One page of subjects, newest first.
pub fn search(
    conn: &mut Conn,
    keyring: &Keyring,
    filter: &Filter,
    cursor: Option<&Cursor<Uuid>>,
) -> db::Result<Page<SubjectLine>> {
    let ids = find(conn, filter, cursor)?;
    let page = Page::from_rows(ids, cursor, |id| *id);
    let wanted: Vec<SubjectId> = page.items.iter().copied().map(SubjectId::from).collect();
    let mut found = records(conn, keyring, &wanted)?;
    found.sort_by_key(|record| std::cmp::Reverse(record.id));
    Ok(Page {
        items: found
            .into_iter()
            .map(|record| SubjectLine {
                id: record.id,
                platform: record.platform,
                external_id: record.external_id,
                kind: record.kind,
                status: record.status,
                risk: record.risk,
                personal: record.personal,
            })
            .collect(),
        next: page.next,
        previous: page.previous,
    })
}

fn find(conn: &mut Conn, filter: &Filter, cursor: Option<&Cursor<Uuid>>) -> db::Result<Vec<Uuid>> {
    let mut query = subject::table
        .select(subject::id)
        .limit(page_limit())
        .into_boxed();
    if let Some(platforms) = filter.scope.ids() {
        query = query.filter(subject::platform_id.eq_any(platforms));
    }
    if let Some(platform) = filter.platform {
        query = query.filter(subject::platform_id.eq(platform.uuid()));
    }
    if let Some(status) = filter.status {
        query = query.filter(subject::status.eq(status.as_str()));
    }
    if let Some(risk) = filter.risk {
        query = query.filter(subject::risk.eq(risk.as_str()));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(subject::kind.eq(kind.as_str()));
    }
    if let Some(external_id) = &filter.external_id {
        query = query.filter(subject::external_id.eq(external_id));
    }
    for alternatives in &filter.tokens {
        let holders = subject_token::table
            .filter(subject_token::token.eq_any(alternatives))
            .select(subject_token::subject_id);
        query = query.filter(subject::id.eq_any(holders));
    }
    query = match cursor {
        Some(cursor) if cursor.direction == Direction::Previous => query
            .filter(subject::id.gt(cursor.key))
            .order(subject::id.asc()),
        Some(cursor) => query
            .filter(subject::id.lt(cursor.key))
            .order(subject::id.desc()),
        None => query.order(subject::id.desc()),
    };
    Ok(query.load(conn)?)
}

/// Whether any subject in reach has this outside id.
pub fn has_external_id(conn: &mut Conn, scope: &Scope, external_id: &str) -> db::Result<bool> {
    let mut found = subject::table
        .filter(subject::external_id.eq(external_id))
        .select(subject::id)
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        found = found.filter(subject::platform_id.eq_any(platforms));
    }
    Ok(diesel::select(diesel::dsl::exists(found)).get_result(conn)?)
}
