//! Who may call what: a key in the header, or the session of a person at the page.
//! Laws: without the right key no handler runs; a page of another site cannot act for the person (SameSite and origin).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::keys::{Scope, random_hex};
use super::problem::Problem;
use super::{Shared, html};

/// What a route asks of its caller.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    AnyKey,
    Scope(Scope),
}

/// The route of a file that the page made.
pub(super) const DOWNLOAD: &str = "/table/{token}";

/// By the route's pattern; what is not named here needs the widest scope, so that a new route is not open by oversight.
fn need(route: &str) -> Need {
    match route {
        "/healthz" | "/readyz" | "/page.css" | "/page.js" | "/login" | "/logout" | "/docs"
        | "/v1/openapi.json" => Need::Nothing,
        "/metrics" | "/v1/taxonomy" | "/v1/bundle" => Need::AnyKey,
        "/v1/triage" | "/v1/triage:batch" => Need::Scope(Scope::Triage),
        "/v1/explain" | "/" | "/correct" | "/table" | DOWNLOAD => Need::Scope(Scope::Explain),
        _ => Need::Scope(Scope::Admin),
    }
}

/// Routes that a person's browser asks for: refused with a page instead of a problem document.
pub(super) fn is_page(route: &str) -> bool {
    matches!(
        route,
        "/" | "/login" | "/logout" | "/correct" | "/table" | DOWNLOAD
    )
}

/// Who calls, where it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    pub key: Option<Arc<str>>,
}

/// Lets the caller of `route` in, or says why not; `None` is a route that does not exist.
pub(super) fn admit(
    shared: &Shared,
    route: Option<&str>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    let Some(route) = route else {
        return Ok(Caller::default());
    };
    if is_page(route) && *method == Method::POST && is_foreign(headers) {
        let what = "请求来自别的网站的页面";
        return Err(Problem::new(StatusCode::FORBIDDEN, "origin.foreign", what));
    }
    let need = need(route);
    let Some(keys) = &shared.keys else {
        // Any page that a browser on this machine opens can send a request here.
        if need == Need::Scope(Scope::Admin) {
            let what = "管理接口只在用 --keys 启动时开放";
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "admin.needs_keys",
                what,
            ));
        }
        return Ok(Caller::default());
    };
    if need == Need::Nothing {
        return Ok(Caller::default());
    }
    let keys = keys.load();
    let key = match bearer(headers) {
        Some(presented) => keys.find(presented),
        // A session is for the page alone: programs show their key.
        None if is_page(route) => session(headers)
            .and_then(|token| shared.sessions.key_of(token))
            .and_then(|id| keys.by_id(&id)),
        None => None,
    };
    let Some(key) = key else {
        return Err(unknown_key());
    };
    match need {
        Need::Scope(scope) if !key.opens(scope) => {
            let what = "这个密钥没有所需的权限";
            Err(
                Problem::new(StatusCode::FORBIDDEN, "key.scope", what).detail(format!(
                    "需要 {}；见 xiaobao keys add --scope",
                    scope.name()
                )),
            )
        }
        _ => Ok(Caller {
            key: Some(key.id.clone()),
        }),
    }
}

fn unknown_key() -> Problem {
    let what = "没有密钥，或密钥不对";
    Problem::new(StatusCode::UNAUTHORIZED, "key.unknown", what)
        .detail("Authorization: Bearer xb_…；密钥由 xiaobao keys add 产生")
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then_some(key.trim_ascii())
}

/// Whether a browser says that another site's page made the request; programs say neither and hold no cookie.
fn is_foreign(headers: &HeaderMap) -> bool {
    const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    if let Some(site) = headers.get(FETCH_SITE) {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let origin = origin.to_str().unwrap_or_default();
    let authority = origin.split_once("://").map(|(_, a)| a);
    authority.is_none() || authority != headers.get(header::HOST).and_then(|h| h.to_str().ok())
}

const COOKIE: &str = "xb_session";
/// A working day.
const SESSION: Duration = Duration::from_secs(12 * 3600);
/// The oldest is signed out when more sign in.
const SESSIONS: usize = 1000;

fn session(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter();
    all.filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

struct Session {
    hash: [u8; 32],
    key: Arc<str>,
    ends: Instant,
}

/// People signed in; in memory only, so that a restart signs everybody out.
#[derive(Default)]
pub(super) struct Sessions(Mutex<VecDeque<Session>>);

impl Sessions {
    fn begin(&self, key: Arc<str>) -> crate::error::Result<String> {
        let token = random_hex::<32>()?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        all.retain(|s| s.ends > now);
        if all.len() >= SESSIONS {
            all.pop_front();
        }
        all.push_back(Session {
            hash: Sha256::digest(token.as_bytes()).into(),
            key,
            ends: now + SESSION,
        });
        Ok(token)
    }

    fn key_of(&self, token: &str) -> Option<Arc<str>> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let mut found = None;
        for session in all.iter().filter(|s| s.ends > now) {
            if bool::from(session.hash.ct_eq(&hash)) {
                found = Some(session.key.clone());
            }
        }
        found
    }

    fn end(&self, token: &str) {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|s| !bool::from(s.hash.ct_eq(&hash)));
    }
}

/// What a person sees who may not see the page.
pub(super) fn refused(problem: Problem, method: &Method) -> Response {
    // Who opens the page for the first time has done nothing wrong.
    let is_first = problem.status == StatusCode::UNAUTHORIZED && *method == Method::GET;
    let message = (!is_first).then(|| problem.full());
    let mut response = sign_in(message);
    problem.mark(&mut response);
    response
}

/// The form that asks for a key, with what was wrong.
#[derive(Serialize)]
struct SignInView {
    problem: Option<String>,
}

fn sign_in(problem: Option<String>) -> Response {
    html::page("sign_in.html", &SignInView { problem })
}

/// `GET /login`
pub(super) async fn form() -> Response {
    sign_in(None)
}

#[derive(Deserialize)]
pub(super) struct SignIn {
    key: String,
}

/// `POST /login`: a session in exchange for a key.
pub(super) async fn login(
    State(shared): State<Arc<Shared>>,
    Form(given): Form<SignIn>,
) -> Response {
    let Some(keys) = &shared.keys else {
        return Redirect::to("/").into_response();
    };
    let keys = keys.load();
    let Some(key) = keys.find(given.key.trim().as_bytes()) else {
        return refused(unknown_key(), &Method::POST);
    };
    match shared.sessions.begin(key.id.clone()) {
        Ok(token) => with_cookie(&shared, &token, SESSION),
        Err(_) => Problem::internal().into_response(),
    }
}

/// `POST /logout`
pub(super) async fn logout(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if let Some(token) = session(&headers) {
        shared.sessions.end(token);
    }
    with_cookie(&shared, "", Duration::ZERO)
}

fn with_cookie(shared: &Shared, token: &str, lasts: Duration) -> Response {
    let secure = if shared.tls.is_some() { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
        lasts.as_secs()
    );
    let mut response = Redirect::to("/").into_response();
    // Hex digits and our own words: always a header.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
