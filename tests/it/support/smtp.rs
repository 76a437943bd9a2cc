//! A mail server on the wire: EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, strict about their order, with other answers where a
//! test wants them.

use std::{
    collections::VecDeque,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::{Certificate, wire::Stream};

/// A scripted answer that is none.
const HANG_UP: &str = "0";
/// What follows is the sign-in's own conversation.
const SIGN_IN: &str = "334";

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    None,
    /// Offered, and required before anything else.
    Starttls,
    /// From the first byte.
    Implicit,
}

/// A mail server.
#[derive(Clone)]
pub struct SmtpServer {
    pub port: u16,
    protection: Protection,
    /// User and password, when it asks for them.
    login: Option<(&'static str, &'static str)>,
    tls: TlsAcceptor,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    mails: Vec<String>,
    /// How often a mail was taken and that was not said.
    hung_up: usize,
    /// What is answered instead, once, to the verb; "0" hangs up without a word.
    scripted: VecDeque<(&'static str, &'static str)>,
    /// Every line of a client but mails, with whether it was protected.
    heard: Vec<(bool, String)>,
}

/// Where a conversation stands.
struct Session {
    is_protected: bool,
    is_known: bool,
}

impl SmtpServer {
    /// Answers each RCPT with the next of `refusals`, then accepts.
    pub async fn refusing(refusals: &[&'static str]) -> Self {
        let server = Self::start(Protection::None, None, &Certificate::of_loopback()).await;
        for answer in refusals {
            server.answer_next("RCPT", answer);
        }
        server
    }

    /// One that wants this protection and, if given, this user and password.
    pub async fn start(
        protection: Protection,
        login: Option<(&'static str, &'static str)>,
        certificate: &Certificate,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let server = Self { port, protection, login, tls: certificate.acceptor(), inner: Arc::default() };
        let told = server.clone();
        // A thread of its own: a test's runtime may be busy, and a real server is elsewhere.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = listener.into_std().and_then(TcpListener::from_std).expect("the listener moves");
                while let Ok((stream, _)) = listener.accept().await {
                    let server = told.clone();
                    tokio::spawn(async move { server.serve(stream).await });
                }
            });
        });
        server
    }

    /// The next time a client says `verb` (or connects: ""), this is answered. Several queue up.
    pub fn answer_next(&self, verb: &'static str, answer: &'static str) {
        self.inner.lock().unwrap().scripted.push_back((verb, answer));
    }

    pub fn mails(&self) -> Vec<String> {
        self.inner.lock().unwrap().mails.clone()
    }

    /// How many mails were taken without a word.
    pub fn hung_up(&self) -> usize {
        self.inner.lock().unwrap().hung_up
    }

    /// The verbs that came unprotected, and those that came protected.
    pub fn verbs(&self, protected: bool) -> Vec<String> {
        let inner = self.inner.lock().unwrap();
        let lines = inner.heard.iter().filter(|(was_protected, _)| *was_protected == protected);
        lines.map(|(_, line)| verb(line)).collect()
    }

    /// To whom mail was addressed, in order.
    pub fn recipients(&self) -> Vec<String> {
        let inner = self.inner.lock().unwrap();
        let lines = inner.heard.iter().filter_map(|(_, line)| line.strip_prefix("RCPT TO:<"));
        lines.filter_map(|rest| rest.split_once('>')).map(|(address, _)| address.to_owned()).collect()
    }

    fn scripted(&self, verb: &str) -> Option<&'static str> {
        let mut inner = self.inner.lock().unwrap();
        let index = inner.scripted.iter().position(|(wanted, _)| *wanted == verb)?;
        inner.scripted.remove(index).map(|(_, answer)| answer)
    }

    async fn serve(&self, stream: tokio::net::TcpStream) -> std::io::Result<()> {
        let mut session = Session { is_protected: false, is_known: self.login.is_none() };
        let mut stream: Box<dyn Stream> = Box::new(stream);
        if self.protection == Protection::Implicit {
            stream = Box::new(self.tls.accept(stream).await?);
            session.is_protected = true;
        }
        let mut lines = BufReader::new(stream);
        if self.say(&mut lines, "", "220 mail.test ESMTP").await?.is_none() {
            return Ok(());
        }
        while let Some(line) = read_line(&mut lines).await? {
            self.inner.lock().unwrap().heard.push((session.is_protected, line.clone()));
            let verb = verb(&line);
            let answer = self.answer(&session, &verb);
            if verb == "AUTH" && answer == SIGN_IN {
                session.is_known = self.sign_in(&mut lines, &line).await?;
                continue;
            }
            let Some(said) = self.say(&mut lines, &verb, &answer).await? else { return Ok(()) };
            match (verb.as_str(), said.get(..3).unwrap_or_default()) {
                ("STARTTLS", "220") => {
                    lines = BufReader::new(Box::new(self.tls.accept(lines.into_inner()).await?));
                    session.is_protected = true;
                }
                ("DATA", "354") => {
                    let mut mail = String::new();
                    loop {
                        // A sender that ends before its dot has sent nothing (RFC 5321 §4.1.1.4).
                        let Some(line) = read_line(&mut lines).await? else { return Ok(()) };
                        if line == "." {
                            break;
                        }
                        mail.push_str(&line);
                        mail.push('\n');
                    }
                    self.inner.lock().unwrap().mails.push(mail);
                    if self.say(&mut lines, ".", "250 queued as 42").await?.is_none() {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn answer(&self, session: &Session, verb: &str) -> String {
        let wants_tls = self.protection == Protection::Starttls && !session.is_protected;
        match verb {
            "EHLO" => {
                let mut offers = vec!["mail.test", "8BITMIME", "SMTPUTF8"];
                offers.extend(wants_tls.then_some("STARTTLS"));
                let may_sign_in = self.login.is_some() && (session.is_protected || self.protection == Protection::None);
                offers.extend(may_sign_in.then_some("AUTH LOGIN PLAIN"));
                let last = offers.pop().unwrap_or_default();
                format!("250-{}\r\n250 {last}", offers.join("\r\n250-"))
            }
            "STARTTLS" if wants_tls => "220 go ahead".to_owned(),
            "NOOP" | "RSET" => "250 ok".to_owned(),
            "QUIT" => "221 bye".to_owned(),
            _ if wants_tls => "530 5.7.0 Must issue a STARTTLS command first".to_owned(),
            "AUTH" if self.login.is_some() => SIGN_IN.to_owned(),
            _ if !session.is_known => "530 5.7.0 Authentication required".to_owned(),
            "DATA" => "354 go ahead".to_owned(),
            "MAIL" | "RCPT" => "250 ok".to_owned(),
            _ => "500 5.5.2 what?".to_owned(),
        }
    }

    /// Sends an answer, or the scripted one, and returns it; nothing when the conversation ends with it.
    async fn say(
        &self,
        lines: &mut BufReader<Box<dyn Stream>>,
        verb: &str,
        answer: &str,
    ) -> std::io::Result<Option<String>> {
        let answer = self.scripted(verb).unwrap_or(answer);
        if answer == HANG_UP {
            self.inner.lock().unwrap().hung_up += usize::from(verb == ".");
            return Ok(None);
        }
        lines.write_all(format!("{answer}\r\n").as_bytes()).await?;
        lines.flush().await?;
        let ends = answer.starts_with("421") || answer.starts_with("221");
        Ok((!ends).then(|| answer.to_owned()))
    }

    /// `AUTH PLAIN` and `AUTH LOGIN` (RFC 4616, and what everybody does).
    async fn sign_in(&self, lines: &mut BufReader<Box<dyn Stream>>, line: &str) -> std::io::Result<bool> {
        let mut words = line.split_whitespace().skip(1);
        let mechanism = words.next().unwrap_or_default().to_ascii_uppercase();
        let mut given = words.next().map(str::to_owned);
        let mut secrets = Vec::new();
        let prompts: &[&str] = if mechanism == "LOGIN" { &["VXNlcm5hbWU6", "UGFzc3dvcmQ6"] } else { &[""] };
        for prompt in prompts {
            if given.is_none() {
                lines.write_all(format!("334 {prompt}\r\n").as_bytes()).await?;
                given = read_line(lines).await?;
            }
            let decoded = given.take().and_then(|text| STANDARD.decode(text.trim()).ok()).unwrap_or_default();
            secrets.extend(String::from_utf8_lossy(&decoded).split('\0').map(str::to_owned));
        }
        secrets.retain(|secret| !secret.is_empty());
        let is_right = self.login.is_some_and(|(user, password)| secrets == [user, password]);
        let answer = if is_right { "235 2.7.0 welcome" } else { "535 5.7.8 Username and password not accepted" };
        let answer = self.scripted("AUTH").unwrap_or(answer);
        lines.write_all(format!("{answer}\r\n").as_bytes()).await?;
        lines.flush().await?;
        Ok(answer.starts_with("235"))
    }
}

fn verb(line: &str) -> String {
    line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase()
}

async fn read_line(lines: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let read = lines.read_line(&mut line).await?;
    Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}
