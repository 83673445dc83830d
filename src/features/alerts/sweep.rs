//! What ends without its condition ending: lamps whose rule is gone, and acknowledgements whose time is over.

use std::collections::{BTreeSet, HashSet};

use super::AlertId;
use super::evaluate::{audited, carry_on};
use super::lamp::{note, record, resolve};
use super::snapshot::Snapshot;
use super::step::RuleState;
use super::store::rules;
use super::store::{self, About, Alert};
use crate::features::packs::pack::ItemId;
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::db;

/// A rule that no pack names any more lights nothing, and begins anew if it comes back. Returns how many
/// lamps went out.
pub fn put_out_what_is_retired(services: &Services, snapshot: &Snapshot) -> db::Result<usize> {
    let live: HashSet<ItemId> = snapshot.rules.iter().map(|rule| rule.id).collect();
    let lit = snapshot.lit.keys().map(|(rule, _)| *rule);
    let begun = snapshot.known.iter();
    let begun = begun.filter(|(_, state)| **state != RuleState::default());
    let gone: BTreeSet<ItemId> = lit
        .chain(begun.map(|(rule, _)| *rule))
        .filter(|rule| !live.contains(rule))
        .collect();
    let mut out = 0;
    for rule in gone {
        let done = put_out(services, snapshot, rule);
        out += usize::from(carry_on(&rule.to_string(), done)?);
    }
    Ok(out)
}

fn put_out(services: &Services, snapshot: &Snapshot, rule: ItemId) -> db::Result<bool> {
    let both = [About::Platform, About::Rule];
    if !both
        .iter()
        .any(|about| snapshot.lit.contains_key(&(rule, *about)))
    {
        services
            .audit
            .write_unaudited(Unaudited::RuleState, |conn| forget(conn, rule).map(drop))?;
        return Ok(false);
    }
    audited(services, |tx| {
        let Some(name) = forget(tx, rule)? else {
            return Ok(());
        };
        for about in both {
            if let Some(alert) = store::lock_lit(tx, rule, about)? {
                resolve(tx, alert, &name, "its rule was retired")?;
            }
        }
        Ok(())
    })
}

/// Forgets what is known about a rule, unless it has come back. Returns the name that it had.
fn forget(conn: &mut db::Conn, rule: ItemId) -> db::Result<Option<String>> {
    rules::lock_rule(conn, rule)?;
    let (name, live) = packs::named(conn, rule)?;
    if live {
        return Ok(None);
    }
    rules::save_rule(conn, rule, &RuleState::default())?;
    Ok(Some(name))
}

/// Nobody has it in hand any more, and the clock runs again. Returns how many there were.
pub fn note_what_has_run_out(services: &Services, snapshot: &Snapshot) -> db::Result<usize> {
    let mut ended = 0;
    for id in &snapshot.run_out {
        let done = note_run_out(services, snapshot, *id);
        ended += usize::from(carry_on(&id.to_string(), done)?);
    }
    Ok(ended)
}

fn note_run_out(services: &Services, snapshot: &Snapshot, id: AlertId) -> db::Result<bool> {
    audited(services, |tx| {
        let mut alert = store::lock_alert(tx, id)?;
        let Some(held) = &mut alert.acknowledged else {
            return Ok(());
        };
        if !alert.firing || held.until > snapshot.now || held.ended_at.is_some() {
            return Ok(());
        }
        held.ended_at = Some(snapshot.now);
        let text = format!("{} had it in hand, for as long as that can be", held.name);
        store::save(tx, &alert)?;
        note(tx, &alert, "acknowledgement_ended", &text)?;
        let rule = name_of_rule(tx, &alert)?;
        record(tx, "alert.acknowledgement_ran_out", &alert, &rule)
    })
}

/// The name of the rule that lit it; of what another program handed in, the name that it came with.
fn name_of_rule(conn: &mut db::Conn, alert: &Alert) -> db::Result<String> {
    match alert.rule {
        Some(rule) => Ok(packs::named(conn, rule)?.0),
        None => Ok(alert.name.clone()),
    }
}
