//! What the demo has of checklists: one that was signed and reviewed, one that waits to be reviewed, and those that have
//! opened since.

use uuid::Uuid;

use super::actions::{self, Given, Hand, Linked};
use super::run::Outcome;
use super::store::{self, answers};
use super::sweep;
use crate::features::packs::pack::{CheckItem, Checklist, Occasion};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, FormKey};
use crate::foundation::auth::people;
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::Scope;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn key() -> FormKey {
    Uuid::now_v7().into()
}

/// Makes them once; a second start finds them there and changes nothing.
pub fn fill(services: &Services) -> Result<(), Failure> {
    let found = services.db.read_on(PoolKind::Jobs, |conn| {
        let begun = !store::over(conn, &Scope::All, None, 1)?.is_empty();
        let hand = |conn: &mut _, email: &str| {
            let found = people::find_by_email(conn, email)?;
            Ok::<_, db::Error>(found.map(|it| Hand {
                actor: Actor::person(it.id),
                person: it.id,
                name: it.name,
            }))
        };
        let operator = hand(conn, "operator@demo.signalbox")?;
        let reviewer = hand(conn, "compliance@demo.signalbox")?;
        let lists = packs::live::<Checklist>(conn)?;
        Ok::<_, db::Error>((!begun).then_some((operator, reviewer, lists)))
    })?;
    let Some((Some(operator), Some(reviewer), lists)) = found else {
        return Ok(());
    };
    sweep::open_last(services)?;
    let demanded = |list: &&Item<Checklist>| list.spec.on_demand == Some(Occasion::Deployment);
    let Some(list) = lists.iter().find(demanded) else {
        return Ok(());
    };
    for (version, reviewed) in [("Release 2.3.0", true), ("Release 2.4.0", false)] {
        let run = actions::start(services, &operator, list.id, version, key())?;
        for item in &list.spec.items {
            let given = given(item, reviewed);
            actions::answer(services, &operator, run, &item.id, &given, key())?;
        }
        let read = services.db.read_on(PoolKind::Jobs, |conn| {
            let (given, shown) = (answers::of_run(conn, run)?, answers::shown(conn, run)?);
            Ok::<_, db::Error>(actions::stands(&store::one(conn, run)?, &given, &shown))
        })?;
        actions::sign(services, &operator, run, &read, key())?;
        if reviewed {
            actions::review(services, &reviewer, run, true, "", key())?;
        }
    }
    Ok(())
}

fn given(item: &CheckItem, all_well: bool) -> Given {
    let fails = !all_well && item.id.contains("performance");
    Given {
        outcome: Some(if fails { Outcome::Fail } else { Outcome::Pass }),
        note: fails.then(|| {
            "The 95th percentile is 8 % above the release before; within what was promised."
                .to_owned()
        }),
        reference: Some("CHG-1042".to_owned()),
        alert: Linked::Nothing,
    }
}
