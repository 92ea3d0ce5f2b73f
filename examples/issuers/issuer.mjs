// Signs a token with the key in use. jose; the Secret `auth` is mounted at /etc/signing.
import { readFile } from 'node:fs/promises';
import { SignJWT, importJWK } from 'jose';

export async function sign(subject, mounted = '/etc/signing') {
  // Read the key each time: it is one small file, and a rotation needs no restart.
  const key = JSON.parse(await readFile(`${mounted}/signing.jwk`, 'utf8'));
  return new SignJWT({})
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT' })
    .setIssuer('https://auth.example.com')
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime('15m')
    .sign(await importJWK(key));
}
