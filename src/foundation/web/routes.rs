use std::sync::Arc;

use actix_web::dev::{HttpServiceFactory, ServiceRequest};
use actix_web::guard::{Any, Get, Head};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder, body::BoxBody, web};

use super::Error;
use crate::foundation::auth::keys::KeyScope;
use crate::foundation::auth::sar::SarAccess;
use crate::foundation::auth::{Permission, guard};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Everybody, signed in or not.
    Public,
    /// Everybody; a session, where there is one, is known.
    PublicOrSigned,
    /// Somebody whose second factor is still to come.
    HalfSigned,
    /// Anybody who is signed in.
    Signed,
    /// Holders of a permission.
    Needs(Permission),
    /// Holders of a grant for reports. To everybody else there is nothing at this address.
    Sar(SarAccess),
    /// Programs whose key has a scope; people never.
    Key(KeyScope),
    /// Browsers that are wall screens; people never.
    Display,
    /// Jobs of the platforms, which know the secret in the address, and programs that sign what they send. No cookie is
    /// looked at, so there is nothing that another's page could misuse, and GET may change something.
    Ping,
}

/// One line of the route table.
#[derive(Clone)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    /// Whether the person has to have proved within ten minutes that it is them.
    pub step_up: bool,
    mount: Arc<dyn Fn() -> actix_web::Route + Send + Sync>,
}

/// The route table as data: what the application serves is what the tests walk.
#[derive(Clone, Default)]
pub struct Routes(Vec<Route>);

impl Routes {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn get<F, Args>(self, path: &'static str, access: Access, handler: F) -> Self
    where
        F: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route(Method::GET, path, access, handler)
    }

    #[must_use]
    pub fn post<F, Args>(self, path: &'static str, access: Access, handler: F) -> Self
    where
        F: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route(Method::POST, path, access, handler)
    }

    #[must_use]
    pub fn delete<F, Args>(self, path: &'static str, access: Access, handler: F) -> Self
    where
        F: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route(Method::DELETE, path, access, handler)
    }

    /// Asks for a fresh proof of identity on the route added last.
    #[must_use]
    pub fn with_step_up(mut self) -> Self {
        if let Some(route) = self.0.last_mut() {
            route.step_up = true;
        }
        self
    }

    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }

    /// Puts every route behind its guard. Routes that share a path become one resource, so that
    /// a wrong method is answered as such.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        let pages = self.0.iter().filter(|route| route.method == Method::GET);
        config.app_data(web::Data::new(Pages(
            pages.map(|route| route.path).collect(),
        )));
        let mut paths: Vec<&'static str> = Vec::new();
        for route in &self.0 {
            if !paths.contains(&route.path) {
                paths.push(route.path);
            }
        }
        for path in paths {
            config.service(self.resource(path));
        }
    }

    fn resource(&self, path: &'static str) -> impl HttpServiceFactory + use<> {
        let routes = self.0.iter().filter(|route| route.path == path);
        let allow = allowed(routes.clone());
        let is_hidden = routes
            .clone()
            .any(|route| matches!(route.access, Access::Sar(_)));
        let refuse = move || {
            let error = if is_hidden {
                Error::NotFound
            } else {
                Error::MethodNotAllowed {
                    allow: allow.clone(),
                }
            };
            async move { Err::<HttpResponse, _>(error) }
        };
        let other_methods = web::to(refuse).wrap(from_fn(guard::acquaint));
        routes
            .fold(web::resource(path), |resource, route| {
                resource.route(route.guarded())
            })
            .default_service(other_methods)
    }

    fn route<F, Args>(
        mut self,
        method: Method,
        path: &'static str,
        access: Access,
        handler: F,
    ) -> Self
    where
        F: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let verb = method.clone();
        // Whatever can be read can be asked about: HEAD is GET without the body.
        let matching = move || match verb {
            Method::GET => web::route().guard(Any(Get()).or(Head())),
            _ => web::method(verb.clone()),
        };
        self.0.push(Route {
            method,
            path,
            access,
            step_up: false,
            mount: Arc::new(move || matching().to(handler.clone())),
        });
        self
    }
}

impl Route {
    fn guarded(&self) -> actix_web::Route {
        let (access, step_up) = (self.access, self.step_up);
        (self.mount)().wrap(from_fn(
            move |request: ServiceRequest, next: Next<BoxBody>| {
                guard::check(access, step_up, request, next)
            },
        ))
    }
}

/// What can be opened with GET.
pub struct Pages(Vec<&'static str>);

impl Pages {
    /// Whether `path` is the address of a page.
    #[must_use]
    pub fn has(request: &HttpRequest, path: &str) -> bool {
        let pattern = request.resource_map().match_pattern(path);
        let (Some(pages), Some(pattern)) = (request.app_data::<web::Data<Self>>(), pattern) else {
            return false;
        };
        pages.0.contains(&pattern.as_str())
    }
}

/// The value of an `Allow` header.
fn allowed<'a>(routes: impl Iterator<Item = &'a Route>) -> String {
    let mut methods = Vec::new();
    for route in routes {
        methods.push(route.method.as_str());
        if route.method == Method::GET {
            methods.push(Method::HEAD.as_str());
        }
    }
    methods.join(", ")
}
