/** Certificates of a test's own, made by openssl. */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type TestFn } from 'ava'

const run = promisify(execFile)
const { error: missing } = spawnSync('openssl', ['version'], { stdio: 'ignore' })

/** `wrapped`, or skips by name where there is no openssl on PATH. */
export function opensslTest(wrapped: TestFn['serial']): TestFn['serial'] {
  if (!missing) return wrapped
  return ((title: string) => test.skip(`${title} (no openssl on PATH)`, () => {})) as never
}

/** The files of a certificate, and of the authority that signed it. */
export interface CertificateFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export class Authority implements AsyncDisposable {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async create(): Promise<Authority> {
    const authority = new Authority(await mkdtemp(join(tmpdir(), 'odradek-ca-')))
    await authority.#openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/CN=ca',
    )
    return authority
  }

  /** Of 127.0.0.1, for servers and clients. */
  async issue(name: string): Promise<CertificateFiles> {
    await this.#openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', 'request', '-subj', `/CN=${name}`)
    await writeFile(join(this.#folder, 'extensions'), 'subjectAltName=IP:127.0.0.1\n')
    await this.#openssl(
      ...['x509', '-req', '-in', 'request', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-extfile', 'extensions', '-days', '2', '-out', `${name}.pem`],
    )
    const path = (file: string) => join(this.#folder, file)
    return { ca: path('ca.pem'), cert: path(`${name}.pem`), key: path(`${name}.key`) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true })
  }

  async #openssl(...args: string[]): Promise<void> {
    await run('openssl', args, { cwd: this.#folder })
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
