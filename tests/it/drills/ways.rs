//! How each way to misbehave is brought about, and mended.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use signalbox::app::simulator::Mode;
use signalbox::features::health::actions as health;
use signalbox::features::health::cache::Tally;
use signalbox::features::health::latency::Histogram;
use signalbox::features::health::probe::{Outcome, Run};
use signalbox::features::health::store::samples::{self, Sample, Span};
use signalbox::features::packs::pack::{Check, Measure, Probe};
use signalbox::foundation::audit::{Actor, Unaudited};
use signalbox::foundation::kernel::Timetable;

use super::Way;
use super::stage::Stage;
use crate::heartbeats::ping;

/// How soon an answer comes when nothing is slow, whatever this machine has to do besides.
const QUICK_US: i64 = 5_000;

const GIGABYTE: u64 = 1_000_000_000;

/// Bytes of a file that is as it should be.
const WRITTEN: usize = 4_096;

impl Stage {
    /// From now on the platform misbehaves.
    pub async fn breaks(&mut self) {
        self.is_bad = true;
        match self.way {
            Way::Site(name, mode) => self.site(name, mode).await,
            Way::Reported(name, bad, _) => self.report(name, bad),
            Way::Unreported(name) => {
                let at = self
                    .reported
                    .iter()
                    .position(|(of, _)| *of == name)
                    .unwrap();
                let (_, good) = self.reported.remove(at);
                self.report(name, good);
                self.silent = Some((name, good));
            }
            Way::Event(name) => {
                let platform = Some(self.pack.platform.id.as_str());
                let actor = Actor::command_line("tester");
                health::report_event(&self.app.services, &actor, name, platform).unwrap();
            }
            Way::Stale(_) | Way::Empty(_) | Way::Shrunken(_) | Way::Large(_) | Way::Gone(_) => {
                self.write_files();
            }
            Way::Missed(job) | Way::Unheard(job) => self.running.retain(|it| it != job),
            Way::Failing(job) => {
                self.running.retain(|it| it != job);
                assert_eq!(ping(&self.app, job, "/1").await, 200);
            }
            Way::Away(whose) => self.others[whose].answers("HTTP/1.1 503 Away"),
            Way::Lines(log, line, count) => self.write_lines(log, line, count),
            Way::Measured(..)
            | Way::Slow(..)
            | Way::Gauges(..)
            | Way::Counters(..)
            | Way::NoPage(_)
            | Way::Results(..) => {}
        }
    }

    /// What a log may hold was not yet too much.
    pub fn worsens(&mut self) {
        if let Way::Lines(log, line, _) = self.way {
            self.write_lines(log, line, 1);
        }
    }

    pub async fn mends(&mut self) {
        self.is_bad = false;
        match self.way {
            Way::Site(name, _) => self.site(name, Mode::Well).await,
            Way::Reported(name, _, good) => self.report(name, good),
            Way::Unreported(_) => {
                let (name, good) = self.silent.take().unwrap();
                self.reported.push((name, good));
                self.report(name, good);
            }
            Way::Stale(_) | Way::Empty(_) | Way::Shrunken(_) | Way::Large(_) | Way::Gone(_) => {
                self.write_files();
            }
            Way::Missed(job) | Way::Failing(job) | Way::Unheard(job) => {
                assert_eq!(ping(&self.app, job, "").await, 200);
                self.running.push(job.to_owned());
            }
            Way::Away(whose) => self.others[whose].answers(""),
            _ => {}
        }
    }

    async fn site(&self, name: &str, mode: Mode) {
        assert!(
            self.simulator.set(&self.pack.platform.id, name, mode),
            "{name}"
        );
        // It behaves otherwise once it has had its turn.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
    }

    pub fn report(&self, name: &str, value: f64) {
        let platform = Some(self.pack.platform.id.as_str());
        let actor = Actor::command_line("tester");
        health::report_indicator(&self.app.services, &actor, name, value, platform).unwrap();
    }

    pub(super) fn write_lines(&self, log: &str, line: &str, count: usize) {
        let mut options = OpenOptions::new();
        let file = options.append(true).open(self.log_file(log));
        let text = format!("{line}\n").repeat(count);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// The files that the pack looks at, written now; the drill's own as it has it.
    pub(super) fn write_files(&self) {
        for item in self.probes.values() {
            let Check::File(of) = &item.spec.check else {
                continue;
            };
            let (Way::Stale(probe)
            | Way::Empty(probe)
            | Way::Shrunken(probe)
            | Way::Large(probe)
            | Way::Gone(probe)) = self.way
            else {
                continue;
            };
            if probe != item.slug {
                continue;
            }
            let path = PathBuf::from(of.pattern.trim_end_matches('*')).join("written");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if self.is_bad && matches!(self.way, Way::Gone(_)) {
                fs::remove_file(path).unwrap();
                continue;
            }
            if matches!(self.way, Way::Shrunken(_)) {
                self.write_one_before(&path.with_file_name("before"));
            }
            let bytes = match self.way {
                Way::Empty(_) if self.is_bad => 0,
                Way::Shrunken(_) if self.is_bad => WRITTEN / 3,
                _ => WRITTEN,
            };
            fs::write(&path, vec![b'.'; bytes]).unwrap();
            let file = File::options().append(true).open(path).unwrap();
            if self.is_bad && matches!(self.way, Way::Large(_)) {
                file.set_len(GIGABYTE + 1).unwrap();
            }
            file.set_modified(SystemTime::from(self.app.now())).unwrap();
        }
    }

    /// As large as files are here, and a day older.
    fn write_one_before(&self, path: &Path) {
        fs::write(path, vec![b'.'; WRITTEN]).unwrap();
        let at = self.app.now() - TimeDelta::days(1);
        let file = File::options().append(true).open(path).unwrap();
        file.set_modified(SystemTime::from(at)).unwrap();
    }

    /// A job that is due by the clock was last heard of in its slot.
    pub(super) fn come_to_the_slot_of(&self, job: &str) {
        let job = self.pack.heartbeats.iter().find(|it| it.id == job).unwrap();
        if let Some(cron) = &job.cron {
            let zone = job.zone.as_ref().unwrap_or(&self.pack.platform.zone);
            let slots = Timetable::new(cron, zone.parse().unwrap()).unwrap();
            let now = self.app.now();
            self.app.advance(slots.next(now).unwrap() - now);
        }
    }

    /// Two results of each minute of six hours and more, all of them good.
    pub(super) fn add_up_an_hour(&self) {
        if let Way::Results(..) = self.way {
            for back in 1..60 {
                self.add_up(self.app.now() - TimeDelta::minutes(back), 2, 0);
            }
            for back in 1..8 {
                self.add_up(self.app.now() - TimeDelta::hours(back), 120, 0);
            }
        }
    }

    /// Two more, once a minute.
    pub(super) fn add_up_this_minute(&mut self) {
        let now = self.app.now();
        if now - self.added_at >= TimeDelta::minutes(1) {
            self.added_at = now;
            let failed = match self.way {
                Way::Results(_, failed) if self.is_bad => failed,
                _ => 0,
            };
            self.add_up(now, 2, failed);
        }
        health::tidy(&self.app.services).unwrap();
    }

    fn add_up(&self, at: DateTime<Utc>, results: i64, failed: i64) {
        let Way::Results(probe, _) = self.way else {
            return;
        };
        let mut probes = self.probes.values();
        let id = probes.find(|item| item.slug == probe).unwrap().id;
        let sample = Sample {
            at: at.duration_trunc(TimeDelta::minutes(1)).unwrap(),
            good: results - failed,
            failed,
            unknown: 0,
            histogram: Histogram::default(),
            demo: false,
        };
        let add = |conn: &mut _| samples::add(conn, id, Span::Minute, &sample);
        let audit = &self.app.services.audit;
        audit.write_unaudited(Unaudited::Sample, add).unwrap();
    }

    pub(super) async fn run_of(&mut self, probe: &Probe, tally: Option<Tally>) -> Run {
        let mut probe = probe.clone();
        // Nobody waits a second for a second try.
        probe.retries = 0;
        self.serve(&mut probe);
        let at = self.app.now();
        let mut run = match (&probe.check, self.way) {
            // What it would say is known, and is said often.
            (_, Way::Measured(of, measure, bad, _)) if of == probe.id && self.is_bad => {
                seen(at, &[(measure, bad)])
            }
            // This machine is as it is, and nobody shows a certificate here.
            (Check::Host(_), _) => seen(
                at,
                &[
                    (Measure::Cpu, 0.2),
                    (Measure::Memory, 0.3),
                    (Measure::Disk, 0.4),
                ],
            ),
            (Check::Tls(_), _) => seen(at, &[(Measure::Days, 90.0)]),
            _ => self.checks.run(&probe, at, tally).await,
        };
        match self.way {
            Way::Measured(of, measure, _, good) if of == probe.id && !self.is_bad => {
                if let Outcome::Good(measures) = &mut run.outcome {
                    measures.retain(|(name, _)| *name != measure);
                    measures.push((measure, good));
                }
            }
            Way::Slow(of, millis) if of == probe.id => {
                run.latency_us = Some(if self.is_bad {
                    millis * 1_000
                } else {
                    QUICK_US
                });
            }
            _ => {}
        }
        run
    }

    /// The page that a scrape is given, where the drill has one.
    fn serve(&mut self, probe: &mut Probe) {
        let Check::Prometheus(check) = &mut probe.check else {
            return;
        };
        let (series, counts) = match self.way {
            Way::Gauges(of, series) if of == probe.id => (series, false),
            Way::Counters(of, series) if of == probe.id => (series, true),
            Way::NoPage(of) if of == probe.id && self.is_bad => {
                check.url.clone_from(&self.exporter.url);
                self.exporter.answers("HTTP/1.1 503 Away");
                return;
            }
            _ => return,
        };
        check.url.clone_from(&self.exporter.url);
        self.exporter.answers("");
        let now = self.app.now();
        let passed = (now - self.scraped_at).as_seconds_f64();
        self.scraped_at = now;
        self.grown.resize(series.len(), 0.0);
        let mut page = String::new();
        for ((name, bad, good), grown) in series.iter().zip(&mut self.grown) {
            let value = if self.is_bad { *bad } else { *good };
            *grown = if counts {
                *grown + value * passed
            } else {
                value
            };
            page.push_str(&format!("{name} {grown}\n"));
        }
        self.exporter.serves(page);
    }
}

fn seen(at: DateTime<Utc>, measures: &[(Measure, f64)]) -> Run {
    Run {
        at,
        outcome: Outcome::Good(measures.to_vec()),
        latency_us: None,
        attempts: 1,
        tally: None,
        scraped: Vec::new(),
    }
}
