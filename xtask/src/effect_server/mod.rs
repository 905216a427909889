//! A web service that counts what it has really done, under which key, and of which sort.
//!
//! It honours keys (`POST /keyed/…`), can be asked (`POST /askable/…`, `GET /askable?key=KEY`) or
//! does neither (`POST /once/…`); whatever it did it takes back (`DELETE /SORT?key=KEY`). It is
//! told how to behave: to take its time, to do it and cut the connection, to say 500 before or
//! after. A request that it has read it carries out, whether or not anybody still waits.

mod books;
mod wire;

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use books::{Books, Deed, Sort};
use wire::{Answer, Request};

/// How one request for a change is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mood {
    /// How long it takes before it does anything.
    pub before: Duration,
    /// Whether it does it.
    pub does: bool,
    /// How long it takes to answer then.
    pub after: Duration,
    /// What it answers.
    pub reply: Reply,
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What is true.
    Truth,
    /// This status, whatever is true.
    Status(u16),
    /// Nothing: the connection ends.
    Cut,
}

impl Mood {
    /// Does it at once and says so.
    pub const CALM: Self = Self {
        before: Duration::ZERO,
        does: true,
        after: Duration::ZERO,
        reply: Reply::Truth,
    };

    /// Does it, and answers like this.
    pub const fn done_but(reply: Reply) -> Self {
        Self {
            reply,
            ..Self::CALM
        }
    }

    /// Does not do it, and answers like this.
    pub const fn not_done(reply: Reply) -> Self {
        Self {
            does: false,
            reply,
            ..Self::CALM
        }
    }

    /// Takes its time before it does it, and as long again before it answers.
    pub const fn slow(time: Duration) -> Self {
        Self {
            before: time,
            after: time,
            ..Self::CALM
        }
    }
}

/// Decides how each request for a change under this key is treated.
type Moods = Box<dyn FnMut(&str) -> Mood + Send>;

struct Inner {
    books: Mutex<Books>,
    moods: Mutex<Moods>,
    /// The changes that were read and not answered yet.
    in_hand: Mutex<Hands>,
    changed: Condvar,
    begun: Instant,
}

/// The server; its threads end with the process.
#[derive(Clone)]
pub struct EffectServer {
    address: SocketAddr,
    inner: Arc<Inner>,
}

impl EffectServer {
    /// One on a free port of this machine, which is calm.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner {
            books: Mutex::default(),
            moods: Mutex::new(Box::new(|_| Mood::CALM)),
            in_hand: Mutex::default(),
            changed: Condvar::new(),
            begun: Instant::now(),
        });
        let serving = Arc::clone(&inner);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inner = Arc::clone(&serving);
                thread::spawn(move || inner.serve(stream));
            }
        });
        Ok(Self { address, inner })
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it is like this.
    pub fn is(&self, mood: Mood) {
        self.follows(move |_| mood);
    }

    /// From now on each request for a change under a key is treated as this says.
    pub fn follows(&self, moods: impl FnMut(&str) -> Mood + Send + 'static) {
        *lock(&self.inner.moods) = Box::new(moods);
    }

    /// A mark between the requests that came before it and those that will come.
    pub fn mark(&self) -> Mark {
        Mark(lock(&self.inner.in_hand).next)
    }

    /// How many changes it has read since this mark and not answered yet.
    pub fn in_hand(&self, since: Mark) -> usize {
        lock(&self.inner.in_hand).open.range(since.0..).count()
    }

    /// Waits until it has a change in hand that came after this mark; whether it came to that in time.
    pub fn waits_for_one(&self, since: Mark, patience: Duration) -> bool {
        self.waits_until(patience, |hands| {
            hands.open.range(since.0..).next().is_some()
        })
    }

    /// Waits until it has none in hand; whether it came to that in time.
    pub fn waits_for_quiet(&self, patience: Duration) -> bool {
        self.waits_until(patience, |hands| hands.open.is_empty())
    }

    fn waits_until(&self, patience: Duration, wanted: impl Fn(&Hands) -> bool) -> bool {
        let in_hand = lock(&self.inner.in_hand);
        let waited =
            (self.inner.changed).wait_timeout_while(in_hand, patience, |hands| !wanted(hands));
        let (in_hand, _) = waited.unwrap_or_else(PoisonError::into_inner);
        wanted(&in_hand)
    }

    /// What it has done.
    pub fn books(&self) -> Books {
        lock(&self.inner.books).clone()
    }
}

impl Inner {
    /// One request; whoever talks otherwise is left alone.
    fn serve(&self, mut stream: TcpStream) {
        let Ok(request) = Request::read(&stream) else {
            return;
        };
        let answer = match (request.method.as_str(), request.sort()) {
            ("POST", Some(sort)) => self.change(sort, &request),
            ("DELETE", Some(sort)) => self.take_back(sort, &request),
            ("GET", Some(Sort::Askable)) => Some(self.tell(&request)),
            ("GET", None) if request.path == "/health" => Some(Answer::of(200, "well")),
            ("GET", None) if request.path == "/elsewhere" => Some(Answer::sends_on("/health")),
            ("POST", None) if request.path == "/refuse" => {
                Some(Answer::of(422, "{\"error\":\"never\"}"))
            }
            _ => Some(Answer::of(404, "{}")),
        };
        if let Some(answer) = answer {
            answer.write(&mut stream);
        }
    }

    fn change(&self, sort: Sort, request: &Request) -> Option<Answer> {
        let Some(key) = request.key.clone() else {
            return Some(Answer::of(400, "{\"error\":\"no key\"}"));
        };
        let _in_hand = InHand::of(self);
        let mood = (lock(&self.moods))(&key);
        thread::sleep(mood.before);
        let at = self.begun.elapsed();
        let told = {
            let mut books = lock(&self.books);
            if mood.does {
                books.does(sort, &key, at)
            } else {
                books.note(at, &format!("{key}: not done, {:?}", mood.reply));
                String::from("{}")
            }
        };
        thread::sleep(mood.after);
        match mood.reply {
            Reply::Truth => Some(Answer::of(200, &told)),
            Reply::Status(status) => Some(Answer::of(status, "{}")),
            Reply::Cut => None,
        }
    }

    fn take_back(&self, sort: Sort, request: &Request) -> Option<Answer> {
        let Some(key) = request.key_of_query() else {
            return Some(Answer::of(400, "{\"error\":\"no key\"}"));
        };
        let _in_hand = InHand::of(self);
        let mood = (lock(&self.moods))(&key);
        thread::sleep(mood.before);
        let at = self.begun.elapsed();
        let was_there = {
            let mut books = lock(&self.books);
            if !mood.does {
                books.note(at, &format!("{key}: not taken back, {:?}", mood.reply));
            }
            mood.does && books.takes_back(sort, &key, at)
        };
        thread::sleep(mood.after);
        match mood.reply {
            Reply::Truth if was_there => Some(Answer::of(200, "{}")),
            Reply::Truth => Some(Answer::of(404, "{}")),
            Reply::Status(status) => Some(Answer::of(status, "{}")),
            Reply::Cut => None,
        }
    }

    fn tell(&self, request: &Request) -> Answer {
        let books = lock(&self.books);
        let deed = request.key_of_query();
        let deed = deed.and_then(|key| books.deeds.get(&key).cloned());
        match deed.filter(|deed| deed.live) {
            Some(deed) => Answer::of(200, &deed.told),
            None => Answer::of(404, "{}"),
        }
    }
}

/// Changes that were read and not answered yet, numbered as they came.
#[derive(Default)]
struct Hands {
    next: u64,
    open: BTreeSet<u64>,
}

/// A place in the order in which requests come.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

/// A change that was read and not answered yet.
struct InHand<'a> {
    inner: &'a Inner,
    number: u64,
}

impl<'a> InHand<'a> {
    fn of(inner: &'a Inner) -> Self {
        let mut hands = lock(&inner.in_hand);
        let number = hands.next;
        hands.next += 1;
        hands.open.insert(number);
        inner.changed.notify_all();
        Self { inner, number }
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        lock(&self.inner.in_hand).open.remove(&self.number);
        self.inner.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn what_is_being_taken_back_is_in_hand_until_it_is_answered() -> io::Result<()> {
        let server = EffectServer::start()?;
        server.is(Mood::slow(Duration::from_millis(100)));
        for request in [
            "POST /askable/x HTTP/1.1\r\nIdempotency-Key: R/one/0/send\r\n\r\n",
            "DELETE /askable?key=R/one/0/send HTTP/1.1\r\n\r\n",
        ] {
            let since = server.mark();
            let mut client = TcpStream::connect(server.address)?;
            client.write_all(request.as_bytes())?;
            assert!(server.waits_for_one(since, PATIENCE), "{request}");
            let mut answer = String::new();
            client.read_to_string(&mut answer)?;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            assert!(server.waits_for_quiet(PATIENCE));
        }
        let deed = server.books().deeds["R/one/0/send"].clone();
        assert_eq!((deed.done, deed.undone, deed.live), (1, 1, false));
        Ok(())
    }
}
