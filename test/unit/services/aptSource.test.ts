import { describe, expect, it } from '@jest/globals';
import { aptSourceOf } from '../../../scripts/services/aptSource.js';

const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

describe('services: where this machine gets its packages from', () => {
  it('reads the newer form, and passes over security updates and what is switched off', () => {
    const text = [
      'Types: deb\nURIs: http://one.example/debian-security\nSuites: x-security',
      'Types: deb\nEnabled: no\nURIs: http://two.example/debian',
      'Types: deb\n# a comment\nURIs: http://three.example/debian http://four.example/debian\nSigned-By: /keys/a.gpg',
    ].join('\n\n');
    expect(aptSourceOf([text])).toEqual({ uri: 'http://three.example/debian', signedBy: '/keys/a.gpg' });
  });

  it('reads the older form, with options and without', () => {
    const text = [
      '# deb http://zero.example/debian bookworm main',
      'deb-src http://one.example/debian bookworm main',
      'deb http://security.example/ bookworm main',
      'deb [arch=amd64 signed-by=/keys/b.gpg] http://two.example/debian bookworm main',
    ].join('\n');
    expect(aptSourceOf([text])).toEqual({ uri: 'http://two.example/debian', signedBy: '/keys/b.gpg' });
    expect(aptSourceOf(['deb http://three.example/debian bookworm main\n'])).toEqual({
      uri: 'http://three.example/debian',
      signedBy: KEYS,
    });
  });

  it('takes the keys of Debian where a source holds its own in the text, and nothing where there is no source', () => {
    const text = 'URIs: http://one.example/debian\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----';
    expect(aptSourceOf([text])).toEqual({ uri: 'http://one.example/debian', signedBy: KEYS });
    expect(aptSourceOf(['', '# nothing\n'])).toBeUndefined();
  });
});
