//! What a running installation cannot see of itself, and which tests of this version show it.

/// One promise, and the tests that fail without it.
pub struct Proof {
    pub subject: &'static str,
    pub claim: &'static str,
    pub tests: &'static [&'static str],
}

/// Where Chromium or the reference strings are missing, the tests that need them say so and prove nothing.
pub const PROVEN: &[Proof] = &[
    Proof {
        subject: "Permissions",
        claim: "every address answers each role, session and key as a table says that somebody has read, also for what belongs to another platform",
        tests: &[
            "every_route_answers_every_role_as_the_matrix_says",
            "nothing_of_another_platform_is_shown",
            "no_form_works_on_another_platform",
        ],
    },
    Proof {
        subject: "Cookies",
        claim: "every cookie of signing in is out of scripts' reach, is not sent along from other sites, and over HTTPS is for TLS and this host only",
        tests: &["cookies_carry_the_flags_that_their_address_allows"],
    },
    Proof {
        subject: "Input validation",
        claim: "every form gets hostile strings in every field, and answers with what is wrong or takes them as the text that they are",
        tests: &[
            "hostile_strings_break_no_form_and_come_back_escaped",
            "hostile_strings_are_kept_or_refused_but_never_lost",
        ],
    },
    Proof {
        subject: "Queries",
        claim: "values are parameters; what is written into a statement itself comes from a closed list of names",
        tests: &["no_query_is_put_together_from_values"],
    },
    Proof {
        subject: "Output encoding",
        claim: "templates escape everything and hold no script, style or handler of their own; hostile text comes back as text; cells of our files are no formulas",
        tests: &[
            "no_template_holds_script_style_or_unescaped_text",
            "hostile_strings_at_the_door_come_back_escaped",
            "formulas_are_made_harmless",
            "no_cell_is_a_formula",
        ],
    },
    Proof {
        subject: "Content policy",
        claim: "Chromium reports no breach of it on any page or error page, and would be heard if it did",
        tests: &[
            "every_page_with_something_to_show_on_a_desk",
            "pages_of_what_went_wrong",
            "what_a_policy_refuses_is_heard",
        ],
    },
    Proof {
        subject: "Secrets in logs",
        claim: "what goes through signing in, an enrolment link, a session and an API key is in no line of the log, at the level that tells most of what we do",
        tests: &["no_secret_is_in_the_log", "hostile_text_stays_on_one_line"],
    },
    Proof {
        subject: "Secrets at rest",
        claim: "a dump of the database holds nothing that opens a session, and every encrypted column takes part in the change of keys",
        tests: &[
            "a_dump_holds_no_live_secret",
            "every_column_of_bytes_is_on_the_list_or_known_to_be_something_else",
        ],
    },
    Proof {
        subject: "Dependencies",
        claim: "each has a reason that stands in docs/dependencies.md; their licences and where they come from are held by cargo-deny, in the same run of script/test",
        tests: &["every_dependency_has_its_reason"],
    },
];
