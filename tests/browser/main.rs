//! The pages in a real Chromium: what it shows, what axe-core finds, what the scripts do.
//!
//! Needs `chromium`, `chromedriver` and axe-core, which `script/setup` installs (`SIGNALBOX_AXE` names axe's file).
//! Where one is missing, a test says so and passes, unless `SIGNALBOX_REQUIRE_BROWSER` is set, as `script/test` does.

mod chromium;
mod furnish;
mod journey;
mod look;
mod passkeys;
mod preferences;
mod provider;
#[path = "../it/support/mod.rs"]
mod support;
mod wall;
