'use strict';
// A real OpenID Connect provider as a process of its own: `node oidc-provider.js CONFIG`, a JSON file {issuer, port, client: {id,
// secret, redirect}, jwks (private keys, the first signs), people: {login: claims}}. It asks for no password.

const fs = require('fs');
const http = require('http');

async function main() {
    const { default: Provider } = await import('oidc-provider');
    const config = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
    const { issuer, port, client, jwks } = config;
    // Read at each sign-in: what the provider says of people changes while it runs.
    const person = (login) => JSON.parse(fs.readFileSync(process.argv[2], 'utf8')).people[login];
    const names = Object.keys(Object.assign({}, ...Object.values(config.people)));
    const provider = new Provider(issuer, {
        clients: [{ client_id: client.id, client_secret: client.secret, redirect_uris: [client.redirect], id_token_signed_response_alg: jwks.keys[0].alg }],
        jwks, cookies: { keys: [client.secret] }, pkce: { required: () => false }, conformIdTokenClaims: false,
        scopes: ['openid', 'dashboard'], claims: { openid: ['sub'], dashboard: names },
        findAccount: (ctx, id) => (person(id) ? { accountId: id, claims: () => ({ sub: id, ...person(id) }) } : undefined),
        features: { devInteractions: { enabled: true } }
    });
    http.createServer(provider.callback()).listen(port, '127.0.0.1', () => console.log('listening'));
}

main().catch((err) => { console.error(err); process.exit(1); });
