//! A rule's form on its way to an answer: what was typed becomes a text of the pack, which is looked at like any other.

use super::backtest;
use super::choices::Choices;
use super::fields::{COMMON, KINDS, Kind, LEVELS, Part, Takes, kind};
use super::form::{self, Typed};
use super::pages::visible;
use super::tested::Tested;
use super::text::{Text, Unfit};
use super::views::{ChangeForm, Field, Group};
use super::{overtaken, versions};
use crate::features::packs::actions::ApplyError;
use crate::features::packs::change_pages::{self, preview};
use crate::features::packs::changes::{self, Looked, Refusal, Running};
use crate::features::packs::pack::{ItemId, Rule};
use crate::features::packs::store::{self as packs, Item, Watched, revisions};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::Level;
use crate::foundation::web::format::sentence;
use crate::foundation::web::{self, Chrome, Lamp, Nav, Problems};

/// What a form is about.
pub(super) enum Subject {
    /// A rule that is in force.
    There(Box<Item<Rule>>),
    /// One that is to come.
    New,
}

/// A form on its way to an answer.
pub(super) struct Edit {
    pub running: Running,
    subject: Subject,
    kind: &'static Kind,
    pub typed: Typed,
    /// The form as it would stand for what is in force.
    now: Typed,
    problems: Problems,
    wrong: Vec<String>,
}

impl Edit {
    pub fn there(
        conn: &mut Conn,
        signed: &Signed,
        id: ItemId,
        typed: Option<Typed>,
    ) -> Result<Self, web::Error> {
        let (item, platform) = match typed {
            None => in_force(conn, signed, id)?,
            Some(_) => visible(conn, signed, id)?,
        };
        let running = changes::running(conn, &platform)?;
        if let Some(typed) = typed.as_ref().filter(|_| item.retired_at.is_some()) {
            return Self::taken_out(conn, running, &item, typed.clone());
        }
        let text = Text::read(&running.kept.source);
        let fields = text.ok().and_then(|text| text.fields(&item.slug));
        // A pack whose rules are one list has a page where the whole text is changed.
        let shown = fields.as_ref().and_then(form::shown);
        let (kind, mut known) = shown.ok_or(web::Error::NotFound)?;
        known.set("base", running.applied.revision.to_string());
        Ok(Self {
            running,
            subject: Subject::There(Box::new(item)),
            kind,
            typed: typed.unwrap_or_else(|| known.clone()),
            now: known,
            problems: Problems::new(),
            wrong: Vec::new(),
        })
    }

    /// Over a rule that was taken out meanwhile: what was typed would make it anew.
    fn taken_out(
        conn: &mut Conn,
        running: Running,
        item: &Item<Rule>,
        mut typed: Typed,
    ) -> Result<Self, web::Error> {
        let kind = form::of_source(&item.spec.on).ok_or(web::Error::NotFound)?;
        let by = match versions::taken_out(conn, item.platform, &item.slug)? {
            Some(revision) => format!("Revision {revision} of the pack has taken this rule out"),
            None => "This rule was taken out of the pack".to_owned(),
        };
        let mut problems = Problems::new();
        problems.add(
            "",
            format!("{by}, and nothing was changed. What you typed is kept here as a new rule: send it to put it back."),
        );
        typed.set("id", item.slug.clone());
        typed.set("base", running.applied.revision.to_string());
        Ok(Self {
            running,
            subject: Subject::New,
            kind,
            typed,
            now: Typed::default(),
            problems,
            wrong: Vec::new(),
        })
    }

    pub fn new(
        conn: &mut Conn,
        signed: &Signed,
        slug: &str,
        typed: Option<Typed>,
        of_kind: &str,
    ) -> Result<Self, web::Error> {
        let platform = packs::find(conn, slug)?
            .filter(|platform| signed.reach().allows(platform.id))
            .ok_or(web::Error::NotFound)?;
        let running = changes::running(conn, &platform)?;
        let typed = typed.unwrap_or_else(|| {
            let mut typed = Typed::default();
            typed.set("base", running.applied.revision.to_string());
            typed
        });
        Ok(Self {
            running,
            subject: Subject::New,
            kind: kind(of_kind).unwrap_or(&KINDS[0]),
            typed,
            now: Typed::default(),
            problems: Problems::new(),
            wrong: Vec::new(),
        })
    }

    /// The rule's name in the pack.
    fn slug(&self) -> String {
        match &self.subject {
            Subject::There(item) => item.slug.clone(),
            Subject::New => self.typed.get("id").to_owned(),
        }
    }

    /// The text of the pack with what was typed; nothing where that cannot be, which stands beside its field then.
    pub fn source(&mut self) -> Option<String> {
        let fields = match form::read(self.kind, &self.typed) {
            Ok(fields) => fields,
            Err(problems) => {
                self.problems = problems;
                return None;
            }
        };
        let slug = self.slug();
        if slug.is_empty() {
            self.problems
                .add("id", "Give it a name in the pack, which stays.");
            return None;
        }
        let put = Text::read(&self.running.kept.source).and_then(|mut text| {
            match &self.subject {
                Subject::There(_) => text.put(&slug, &fields, |key| self.kind.governs(key))?,
                Subject::New => text.add(&slug, &fields)?,
            }
            Ok(text.source())
        });
        match put {
            Ok(source) => Some(source),
            Err(unfit) => {
                let field = if unfit == Unfit::Twice { "id" } else { "" };
                self.problems.add(field, sentence(&unfit));
                None
            }
        }
    }

    /// Whether somebody has applied another revision since. It is told; what was typed goes on top of that one, and what
    /// was not touched is taken from it.
    pub fn is_overtaken(&mut self, conn: &mut Conn) -> db::Result<bool> {
        // What it is about is gone, which is said already.
        if !self.problems.is_empty() {
            return Ok(true);
        }
        let now = self.running.applied.revision;
        let base = self.typed.base();
        if base == now {
            return Ok(false);
        }
        self.typed.set("base", now.to_string());
        self.problems.add(
            "",
            format!(
                "Revision {now} of the pack has been applied since you began. What you typed is kept, and goes into that \
                 one when you send it again: look at what it would do first."
            ),
        );
        if let Subject::There(item) = &self.subject {
            let slug = item.slug.clone();
            let then = self.shown_at(conn, base, &slug)?;
            self.bring(then.as_ref());
        }
        Ok(true)
    }

    /// The form as it stood over a revision; nothing where its text is not kept, or cannot be read.
    fn shown_at(
        &self,
        conn: &mut Conn,
        revision: i64,
        slug: &str,
    ) -> db::Result<Option<(&'static Kind, Typed)>> {
        let kept = revisions::one(conn, self.running.platform.id, revision)?;
        let text = kept.and_then(|kept| Text::read(&kept.source).ok());
        let fields = text.and_then(|text| text.fields(slug));
        Ok(fields.as_ref().and_then(form::shown))
    }

    fn bring(&mut self, then: Option<&(&'static Kind, Typed)>) {
        let of_then = then.map(|(kind, shown)| (*kind, shown));
        let lost = overtaken::without_place(self.kind, &self.typed, of_then);
        let shown = then.map(|(_, shown)| shown);
        let brought = overtaken::onto(self.kind, &mut self.typed, shown, &self.now);
        if !brought.taken.is_empty() {
            let taken = brought.taken.join(", ");
            let message = format!("Taken from it, because you had not touched it: {taken}.");
            self.problems.add("", message);
        }
        if !lost.is_empty() {
            let message = format!(
                "The rule reads something of another kind now. What you typed has no place there any more: {}.",
                lost.join(", ")
            );
            self.problems.add("", message);
        }
        for (field, message) in brought.both {
            self.problems.add(field, message);
        }
    }

    /// What is wrong, where it is a matter of the form.
    pub fn refused(&mut self, refusal: Refusal) -> Result<(), web::Error> {
        // In this very moment. What was typed is brought up to it when it is sent again.
        if let Refusal::Overtaken(revision) = refusal {
            self.problems.add(
                "",
                format!("Revision {revision} of the pack has been applied just now, and nothing of this: send it again."),
            );
            return Ok(());
        }
        let Some(field) = refusal.field() else {
            return Err(refusal.into());
        };
        self.wrong = change_pages::wrong(&refusal);
        let message = match &refusal {
            Refusal::Pack(ApplyError::Unreadable(_) | ApplyError::Wrong(_)) => {
                "The pack cannot be applied with this: what is wrong is named below.".to_owned()
            }
            Refusal::Same => "This is what is in force: nothing was changed.".to_owned(),
            refusal => sentence(refusal),
        };
        let field = if field == "reason" { field } else { "" };
        self.problems.add(field, message);
        Ok(())
    }

    /// Looks at what it would do, and goes through what was with the rule as it is and as it would be.
    pub fn look(&mut self, conn: &mut Conn) -> Result<Option<Looked>, web::Error> {
        if self.is_overtaken(conn)? {
            return Ok(None);
        }
        let Some(source) = self.source() else {
            return Ok(None);
        };
        match changes::look(conn, &self.running, &source) {
            Ok(looked) => Ok(Some(looked)),
            Err(refusal) => self.refused(refusal).map(|()| None),
        }
    }

    fn tested(
        &self,
        conn: &mut Conn,
        services: &Services,
        looked: &Looked,
    ) -> db::Result<Vec<(&'static str, Tested)>> {
        let (platform, now) = (self.running.platform.id, services.clock.now());
        let mut test = |rule: &Rule| -> db::Result<Tested> {
            Ok(Tested::of(
                rule,
                &backtest::run(conn, platform, rule, now)?,
                None,
            ))
        };
        let mut tested = Vec::new();
        if let Subject::There(item) = &self.subject {
            tested.push(("As it is", test(&item.spec)?));
        }
        let slug = self.slug();
        let mut rules = looked.prepared.file.pack.rules.iter();
        if let Some(rule) = rules.find(|rule| rule.id == slug) {
            tested.push(("As you would have it", test(rule)?));
        }
        Ok(tested)
    }

    pub fn into_form(
        self,
        conn: &mut Conn,
        services: &Services,
        signed: &Signed,
        looked: Option<&Looked>,
    ) -> db::Result<ChangeForm> {
        let platform = &self.running.platform;
        let choices = Choices::read(conn, platform.id)?;
        let tested = match looked {
            Some(looked) => self.tested(conn, services, looked)?,
            None => Vec::new(),
        };
        let (title, back, base) = match &self.subject {
            Subject::There(item) => (
                format!("Change the rule: {}", item.name),
                (format!("/rules/{}", item.id), "The rule".to_owned()),
                format!("/rules/{}", item.id),
            ),
            Subject::New => (
                format!("A new rule of {}", platform.name),
                (
                    format!("/packs/{}", platform.slug),
                    format!("The pack of {}", platform.name),
                ),
                format!("/packs/{}/rules", platform.slug),
            ),
        };
        let is_new = matches!(self.subject, Subject::New);
        let removal = (!is_new).then(|| format!("{base}/removal"));
        let kinds = if is_new { &KINDS[..] } else { &[] };
        Ok(ChangeForm {
            chrome: Chrome::new(signed, services, &title, Nav::Rules),
            lede: "What only adds to what is watched, or makes it stricter, one person applies. What lowers a guard, or may, \
                   waits for a second one.",
            back,
            trial: format!("{base}/trial"),
            action: if is_new {
                base
            } else {
                format!("{base}/change")
            },
            may_apply: signed.may_at(Permission::PacksApply, platform.id),
            removal,
            kinds: kinds
                .iter()
                .map(|kind| (kind.key, kind.label, kind.key == self.kind.key))
                .collect(),
            is_new,
            groups: groups(&self, &choices),
            preview: looked.map(|looked| preview(signed, &self.running, looked)),
            typed: self.typed,
            problems: self.problems,
            wrong: self.wrong,
            tested,
        })
    }
}

fn groups(edit: &Edit, choices: &Choices) -> Vec<Group> {
    const ID: Part = Part {
        name: "id",
        label: "Name in the pack",
        hint: "Small letters, digits and -; it stays.",
        takes: Takes::Text,
        needed: true,
    };
    let fields = |parts: &[Part]| -> Vec<Field> {
        let of = |part| Field::of(part, &edit.typed, choices);
        parts.iter().map(of).collect()
    };
    let group = |name, lamp, parts: &[Part]| Group {
        name,
        lamp,
        fields: fields(parts),
    };
    let (name, rest) = COMMON.split_at(1);
    let (life, whom) = rest.split_at(3);
    let mut first: Vec<Part> = name.to_vec();
    if matches!(edit.subject, Subject::New) {
        first.push(ID);
    }
    let mut groups = vec![
        group("What it is called", None, &first),
        group("What it reads", None, edit.kind.reads),
    ];
    for (level, (lamp, heading)) in LEVELS.iter().zip([
        (Level::Red, "Red"),
        (Level::Yellow, "Yellow"),
        (Level::Blue, "Blue"),
    ]) {
        let parts = level.parts(edit.kind.test);
        groups.push(group(heading, Some(Lamp::from(lamp)), &parts));
    }
    groups.push(group("When it goes out", None, life));
    groups.push(group("What to do, and who does", None, whom));
    groups
}

/// A rule in force that somebody may change.
pub(super) fn in_force(
    conn: &mut Conn,
    signed: &Signed,
    id: ItemId,
) -> Result<(Item<Rule>, Watched), web::Error> {
    let (item, platform) = visible(conn, signed, id)?;
    if item.retired_at.is_some() {
        return Err(web::Error::NotFound);
    }
    Ok((item, platform))
}
