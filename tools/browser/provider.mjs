// A real OpenID Connect provider for the tests, certified for the protocol: it listens on a free port of this machine,
// prints its issuer, and takes whoever comes for Ada, without a question.
//
//   node provider.mjs REDIRECT_URI

import { createServer } from 'node:http';
import Provider from 'oidc-provider';

// Whoever started it reads one line; its notices go where nobody has to read.
console.info = console.warn;

const CLIENT = 'signalbox';
const [redirectUri] = process.argv.slice(2);

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: CLIENT,
      client_secret: 'a secret of this test, and of no other',
      redirect_uris: [redirectUri],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    }],
    pkce: { required: () => true },
    // The address stands in the ID token; nobody asks for it elsewhere.
    conformIdTokenClaims: false,
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    cookies: { keys: ['of this test'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@bank.example`, email_verified: true }),
    }),
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    // Nobody is asked for consent.
    loadExistingGrant: async (context) => {
      const accountId = context.oidc.session.accountId;
      const grant = new context.oidc.provider.Grant({ clientId: CLIENT, accountId });
      grant.addOIDCScope('openid email');
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url.startsWith('/interaction/')) {
      const login = { accountId: 'ada' };
      provider.interactionFinished(request, response, { login });
    } else {
      answer(request, response);
    }
  });
  console.log(issuer);
});

// It ends with whoever started it.
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
