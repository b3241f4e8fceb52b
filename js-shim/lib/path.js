'use strict';

/** The path of a request below the domain's URL, without slashes around it and the marker that express-ws puts on upgrades. */
function pathOf(req) {
    const base = (req.xdomain && req.xdomain.dns == null && req.xdomain.url) || '/';
    const path = req.path.replace(/\/\.websocket$/, '');
    return (path + '/').startsWith(base) ? path.slice(base.length).replace(/\/$/, '') : path.slice(1);
}

module.exports = { pathOf };
