//! A mail server and a receiver of webhooks, on loopback, that behave as a test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the receiver of webhooks answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    Answer(u16),
    /// 302 to somewhere else.
    Redirect,
    /// Takes the request and says nothing.
    Silent,
    /// 200, and then a body without end.
    Endless,
    /// Closes the connection at once.
    Slam,
}

#[derive(Clone, Debug)]
pub struct Request {
    pub head: String,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> String {
        let lines = self.head.lines();
        let mut found = lines.filter_map(|line| line.split_once(": "));
        found
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
            .unwrap_or_default()
    }
}

pub struct Receiver {
    pub port: u16,
    habit: Arc<Mutex<Habit>>,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    pub fn start(habit: Habit) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (habit, seen) = (Arc::new(Mutex::new(habit)), Arc::default());
        let receiver = Self {
            port,
            habit: Arc::clone(&habit),
            seen: Arc::clone(&seen),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (habit, seen) = (*habit.lock().unwrap(), Arc::clone(&seen));
                std::thread::spawn(move || drop(receive(stream, habit, &seen)));
            }
        });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/in", self.port)
    }

    pub fn set(&self, habit: Habit) {
        *self.habit.lock().unwrap() = habit;
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn receive(mut stream: TcpStream, habit: Habit, seen: &Mutex<Vec<Request>>) -> std::io::Result<()> {
    if habit == Habit::Slam {
        return Ok(());
    }
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let request = Request {
        head,
        body: String::new(),
    };
    let mut body = vec![0; request.header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body)?;
    seen.lock().unwrap().push(Request {
        body: String::from_utf8(body).unwrap(),
        ..request
    });
    match habit {
        Habit::Answer(status) => write!(
            stream,
            "HTTP/1.1 {status} X\r\ncontent-length: 4\r\nconnection: close\r\n\r\nsaid"
        ),
        Habit::Redirect => write!(
            stream,
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
        ),
        Habit::Endless => {
            write!(stream, "HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 8_192])?;
            }
        }
        Habit::Silent => {
            std::thread::sleep(Duration::from_secs(30));
            Ok(())
        }
        Habit::Slam => Ok(()),
    }
}

/// A mail as it came: its envelope and its text.
#[derive(Clone, Debug)]
pub struct Mail {
    pub from: String,
    pub to: String,
    pub text: String,
}

impl Mail {
    pub fn header(&self, name: &str) -> String {
        let mut head = self.text.split("\r\n\r\n").next().unwrap_or("").lines();
        let begins = format!("{name}: ");
        let found = head.find_map(|line| line.strip_prefix(&begins));
        found.unwrap_or_default().to_owned()
    }
}

/// How a mail server behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// It takes every mail.
    #[default]
    Takes,
    /// This is its answer to RCPT.
    Refuses(&'static str),
    /// It does not even greet.
    Mute,
    /// It takes a mail, and never says so.
    Silent,
}

/// A mail server.
pub struct MailServer {
    pub port: u16,
    manner: Arc<Mutex<Manner>>,
    taken: Arc<Mutex<Vec<Mail>>>,
}

impl MailServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (manner, taken) = (Arc::default(), Arc::default());
        let server = Self {
            port,
            manner: Arc::clone(&manner),
            taken: Arc::clone(&taken),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (manner, taken) = (*manner.lock().unwrap(), Arc::clone(&taken));
                std::thread::spawn(move || drop(converse(stream, manner, &taken)));
            }
        });
        server
    }

    pub fn refuse(&self, answer: Option<&'static str>) {
        self.set(answer.map_or(Manner::Takes, Manner::Refuses));
    }

    pub fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub fn taken(&self) -> Vec<Mail> {
        self.taken.lock().unwrap().clone()
    }
}

fn converse(
    mut stream: TcpStream,
    manner: Manner,
    taken: &Mutex<Vec<Mail>>,
) -> std::io::Result<()> {
    const NEVER: Duration = Duration::from_secs(30);
    if manner == Manner::Mute {
        std::thread::sleep(NEVER);
        return Ok(());
    }
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    write!(stream, "220 mail.test ESMTP\r\n")?;
    let (mut from, mut to) = (String::new(), String::new());
    while let Some(line) = lines.next() {
        let line = line?;
        let verb = line.split_whitespace().next().unwrap_or_default();
        match verb {
            "EHLO" => write!(stream, "250-mail.test\r\n250 8BITMIME\r\n")?,
            "MAIL" => {
                from = line;
                write!(stream, "250 ok\r\n")?;
            }
            "RCPT" => {
                let answer = match manner {
                    Manner::Refuses(answer) => answer,
                    _ => "250 ok",
                };
                write!(stream, "{answer}\r\n")?;
                to = line;
            }
            "DATA" => {
                write!(stream, "354 go on\r\n")?;
                let mut text = String::new();
                for line in lines.by_ref() {
                    let line = line?;
                    if line == "." {
                        break;
                    }
                    text.push_str(&line);
                    text.push_str("\r\n");
                }
                let (from, to) = (from.clone(), to.clone());
                taken.lock().unwrap().push(Mail { from, to, text });
                if manner == Manner::Silent {
                    std::thread::sleep(NEVER);
                }
                write!(stream, "250 2.0.0 kept as 4711\r\n")?;
            }
            "QUIT" => {
                write!(stream, "221 bye\r\n")?;
                return Ok(());
            }
            _ => write!(stream, "250 ok\r\n")?,
        }
    }
    Ok(())
}
