'use strict';
// The gRPC client of the sidecar: a deadline on every call, reconnecting by itself, and denials as `Denied`.

const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { Denied } = require('./denied');
const { trustedSocket } = require('./socket');

const PROTO = path.join(__dirname, '..', 'proto');
const LOAD = { keepCase: false, longs: Number, enums: String, defaults: true, oneofs: true };
const definition = loader.loadSync(path.join(PROTO, 'auth.proto'), LOAD);
const AuthService = grpc.loadPackageDefinition(definition).meshsso.v1.AuthService;
const Health = grpc.loadPackageDefinition(loader.loadSync(path.join(PROTO, 'health.proto'), LOAD)).grpc.health.v1.Health;
const messages = loader.loadSync(path.join(PROTO, 'status.proto'), LOAD);
const Status = messages['meshsso.rpc.Status'];
const ErrorInfo = messages['meshsso.rpc.ErrorInfo'];

const CHANNEL = {
    // A sidecar that comes back is found within a second, whatever its outage lasted.
    'grpc.initial_reconnect_backoff_ms': 100, 'grpc.min_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1000,
    // A sidecar whose host froze does not hold calls longer than their deadline.
    'grpc.keepalive_time_ms': 10000, 'grpc.keepalive_timeout_ms': 2000,
    'grpc.max_receive_message_length': 16 * 1024 * 1024,
    // A channel made for a new socket must not inherit a connection that was made to the old one.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0
};

/**
 * @param {object} config of readConfig.
 * @returns {object} one function a call of the contract, each a promise; health(); close()
 */
function createClient(config) {
    let connection = null;

    function client() {
        const identity = (config.address.kind === 'unix') ? trustedSocket(config.address.path, config.socketOwners) : '';
        if (connection === null || connection.identity !== identity) {
            if (connection !== null) { connection.stub.close(); }
            const stub = new AuthService(config.address.target, credentials(config), CHANNEL);
            connection = { identity, stub, health: new Health(config.address.target, credentials(config), { ...CHANNEL, channelOverride: stub.getChannel() }) };
        }
        return connection;
    }

    function call(method, request, service = 'stub') {
        return new Promise((resolve, reject) => {
            const options = { deadline: Date.now() + config.deadlineMs };
            client()[service][method](request, options, (err, reply) => { if (err) { reject(denialOf(err)); } else { resolve(reply); } });
        });
    }

    async function health() {
        const { status } = await call('check', { service: '' }, 'health');
        if (status !== 'SERVING') { throw new Denied('STORE_UNAVAILABLE', 'the sidecar is not serving (its database cannot be reached)'); }
    }

    return {
        validate: ({ maxAgeMs, ...request }) => call('validateToken', { ...request, maxAge: duration(maxAgeMs) }),
        endedSessions: (ids) => call('endedSessions', { ids }),
        groupLinks: (group, version, maxAgeMs) => call('getGroupLinks', { group, version, maxAge: duration(maxAgeMs) }),
        deviceGroups: (domain, maxAgeMs) => call('listDeviceGroups', { domain, maxAge: duration(maxAgeMs) }),
        policy: (version, meshcentralVersion) => call('getPolicy', { version, meshcentralVersion }),
        reportRefusals: (refusals) => call('reportRefusals', { refusals }),
        health,
        close() { if (connection !== null) { connection.stub.close(); connection = null; } }
    };
}

// Of the contract; none is the sidecar's cache lifetime.
function duration(ms) { return ms > 0 ? { seconds: Math.floor(ms / 1000), nanos: Math.floor(ms % 1000) * 1e6 } : undefined; }

function credentials(config) {
    if (config.address.kind === 'unix' || !config.tls) { return grpc.credentials.createInsecure(); }
    return grpc.credentials.createSsl(config.tls.ca, config.tls.key, config.tls.cert);
}

/** Turns a gRPC error into a Denied. What cannot be read as a denial of ours is an outage, never a verdict. */
function denialOf(err) {
    for (const bytes of (err.metadata ? err.metadata.get('grpc-status-details-bin') : [])) {
        const reason = reasonIn(bytes);
        if (reason !== null) { return new Denied(reason); }
    }
    return new Denied('SERVICE_UNAVAILABLE', grpc.status[err.code] + ' from the sidecar');
}

function reasonIn(bytes) {
    try {
        for (const detail of Status.deserialize(bytes).details) {
            if (!detail.typeUrl.endsWith('/google.rpc.ErrorInfo')) { continue; }
            const info = ErrorInfo.deserialize(detail.value);
            if (info.domain === 'meshsso.v1' && /^[A-Z][A-Z_]{2,40}$/.test(info.reason)) { return info.reason; }
        }
    } catch (err) { /* not ours: an outage */ }
    return null;
}

module.exports = { createClient, denialOf };
