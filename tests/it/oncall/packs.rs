//! What packs may say of who is told.

use signalbox::features::packs::actions;
use signalbox::features::packs::lint::Severity;
use signalbox::features::packs::pack::Target;
use signalbox::features::packs::parameters::Given;

use super::pack;

/// The errors and warnings of the pack with one thing replaced.
fn said(from: &str, to: &str) -> Vec<(&'static str, bool)> {
    let source = pack().replacen(from, to, 1);
    assert_ne!(source, pack(), "{from}");
    let (_, found) = actions::check(&source, &Given::default()).unwrap();
    found
        .into_iter()
        .map(|finding| (finding.code, finding.severity == Severity::Error))
        .collect()
}

#[test]
fn the_linter_names_who_cannot_be_told() {
    let (_, found) = actions::check(&pack(), &Given::default()).unwrap();
    assert_eq!(found, []);
    let error = |from, to, code| assert_eq!(said(from, to), [(code, true)], "{to}");
    error(
        "members = [\"grace\", \"ada\"]",
        "members = []",
        "rota-without-members",
    );
    error(
        "\"grace\", \"ada\"",
        "\"grace\", \"bob\"",
        "unknown-reference",
    );
    error("America/New_York", "America/Old_York", "bad-zone");
    error("grace@test.example", "grace at test", "bad-address");
    let steps = "steps = [{ notify.contact = \"ada\" }]";
    for (to, code) in [
        (
            "steps = [{ notify.contact = \"bob\" }]",
            "unknown-reference",
        ),
        (
            "steps = [{ notify.rota = \"nights\" }]",
            "unknown-reference",
        ),
        (
            "steps = [{ notify.team = \"nobody\" }]",
            "unknown-reference",
        ),
        ("steps = [{ wait = \"5m\" }]", "bad-steps"),
        ("steps = []", "bad-steps"),
        (
            "repeat = 1\nsteps = [{ notify.contact = \"ada\" }]",
            "bad-steps",
        ),
        (
            "repeat = 6\nsteps = [{ notify.contact = \"ada\" }, { wait = \"5m\" }]",
            "bad-steps",
        ),
        (
            "steps = [{ notify.contact = \"ada\" }, { wait = \"0s\" }]",
            "bad-timing",
        ),
        (
            "steps = [{ notify.contact = \"ada\" }, { wait = \"8d\" }]",
            "bad-timing",
        ),
        (
            "steps = [{ notify.contact = \"ada\" }, { incident = false }]",
            "bad-steps",
        ),
    ] {
        error(steps, to, code);
    }
    error(
        "owner = \"compliance\"",
        "owner = \"compliance\"\nescalation = \"nobody\"",
        "unknown-reference",
    );
    let second = "[[escalation]]\nid = \"again\"\nname = \"Again\"\nlevels = [\"red\"]\nsteps = [{ notify.contact = \"ada\" }]\n\n[[rota]]";
    error("[[rota]]", second, "level-twice");
}

#[test]
fn the_linter_warns_of_alerts_that_nobody_hears_of() {
    let warning = |from, to, code: &str, count: usize| {
        assert_eq!(said(from, to), vec![(code, false); count], "{to}");
    };
    warning(
        "levels = [\"red\"]",
        "levels = [\"yellow\"]",
        "red-without-escalation",
        2,
    );
    let unused = "[[escalation]]\nid = \"unused\"\nname = \"Unused\"\nsteps = [{ notify.team = \"operations\" }]\n\n[[rota]]";
    warning("[[rota]]", unused, "unused-escalation", 1);
    warning(
        "email = \"${EDSGER_EMAIL:-}\"\n",
        "",
        "contact-without-address",
        1,
    );
    // A rule that names its own is enough.
    let named = pack().replacen("levels = [\"red\"]\n", "", 1).replace(
        "runbook = \"mend\"\n",
        "runbook = \"mend\"\nescalation = \"critical\"\n",
    );
    let (file, found) = actions::check(&named, &Given::default()).unwrap();
    assert_eq!(found, []);
    assert_eq!(file.pack.rules[0].escalation.as_deref(), Some("critical"));
}

#[test]
fn addresses_and_names_belong_to_an_installation() {
    let given: Given = [("EDSGER_EMAIL", " edsger@bank.example ")]
        .into_iter()
        .collect();
    let edsger = |given: &Given| {
        let (file, _) = actions::check(&pack(), given).unwrap();
        let mut contacts = file.pack.contacts.into_iter();
        contacts.find(|it| it.id == "edsger").unwrap()
    };
    assert_eq!(edsger(&given).email(), Some("edsger@bank.example"));
    let without = edsger(&Given::default());
    assert_eq!((without.email(), without.has_address()), (None, false));
}

/// FC-27, LT-29: the guides' own words.
#[test]
fn each_guides_pack_says_who_is_told() {
    for (name, source) in crate::packs::shipped() {
        let (file, _) = actions::check(&source, &Given::default()).unwrap();
        let pack = file.pack;
        assert!(
            !pack.contacts.is_empty() && !pack.rotas.is_empty(),
            "{name}"
        );
        let mut levels: Vec<_> = pack.escalations.iter().flat_map(|it| &it.levels).collect();
        levels.sort_unstable();
        assert_eq!(levels.len(), 3, "{name}: {levels:?}");
    }
    let of = |id: &str| {
        let mut packs = crate::packs::shipped().into_iter();
        let (_, source) = packs
            .find(|(name, _)| name == &format!("{id}.toml"))
            .unwrap();
        actions::check(&source, &Given::default()).unwrap().0.pack
    };
    let finchat = of("finchat");
    let critical = finchat
        .escalations
        .iter()
        .find(|it| it.id == "critical")
        .unwrap();
    let told: Vec<Target> = critical
        .steps
        .iter()
        .filter_map(|step| match step {
            signalbox::features::packs::pack::Step::Notify(target) => Some(target.clone()),
            _ => None,
        })
        .collect();
    let rota = |id: &str| Target::Rota(id.to_owned());
    assert_eq!(
        told,
        [
            rota("primary"),
            rota("secondary"),
            Target::Contact("lead".to_owned())
        ]
    );
    let lait = of("lait");
    let named: Vec<&str> = lait.contacts.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(named, ["system-admin", "database-admin", "security"]);
}
