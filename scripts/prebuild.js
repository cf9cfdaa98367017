#!/usr/bin/env node
// Compiles the addon for distribution into prebuilds/PLATFORM-ARCH/odradek[.LIBC].node, where node-gyp-build finds
// it. One binary serves every Node: the addon uses Node-API alone.
//
//   npm run prebuilds                                  for this machine
//   npm run prebuilds -- --arch arm64                  by Debian's g++-aarch64-linux-gnu
//   npm run prebuilds -- --libc musl                   by x86_64-linux-musl-g++ (of a musl cross toolchain), or on Alpine
//   npm run prebuilds -- --compiled --out DIR          takes what `npm run build:native` compiled
//
// For musl, `zig cc` and `zig c++ -target x86_64-linux-musl` do as well, with LDFLAGS=-static-libgcc.
// CC, CXX, LDFLAGS and PREBUILD_STRIP_BIN name other compilers and flags. A compiler that is missing is named, and the exit code is 3.

import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { arch, platform, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gypEnvironment } from './node-headers.js'

const root = resolve(import.meta.dirname, '..')
const EXIT_MISSING = 3

/** What compiles for another processor or libc than this machine's. */
const crossPrefixes = {
  'arm64-glibc': 'aarch64-linux-gnu-',
  'x64-glibc': 'x86_64-linux-gnu-',
  'arm64-musl': 'aarch64-linux-musl-',
  'x64-musl': 'x86_64-linux-musl-',
}

function hostLibc() {
  if (platform() !== 'linux') return undefined
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
}

function compilers(target, libc) {
  if (process.env.CXX || (target === arch() && libc === hostLibc())) return {}
  const prefix = crossPrefixes[`${target}-${libc}`]
  if (prefix === undefined) throw new Error(`name the compilers for ${platform()}-${target} by CC and CXX`)
  return { CC: `${prefix}gcc`, CXX: `${prefix}g++`, AR: `${prefix}ar`, PREBUILD_STRIP_BIN: `${prefix}strip` }
}

/** In a folder of its own: a rebuild would clear what lies in build/. */
function compile(target, libc, out) {
  const env = { ...gypEnvironment(), ...compilers(target, libc) }
  const compiler = (env.CXX ?? 'g++').split(' ').at(-1)
  if (platform() === 'linux' && spawnSync(compiler, ['--version'], { stdio: 'ignore' }).status !== 0) {
    process.stderr.write(`${compiler} is missing, which compiles for ${target} with ${libc}\n`)
    process.exit(EXIT_MISSING)
  }
  if (platform() === 'linux') {
    // The machine that installs it may have an older C++ library, or none.
    env.LDFLAGS ??= '-static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL'
  }
  const work = mkdtempSync(join(tmpdir(), 'odradek-prebuild-'))
  try {
    for (const name of ['package.json', 'binding.gyp', 'native']) {
      cpSync(join(root, name), join(work, name), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(work, 'node_modules'))
    const options = [
      '--napi',
      '--strip',
      '--name',
      'odradek',
      '--target',
      process.versions.node,
      '--arch',
      target,
      '--out',
      out,
    ]
    if (libc !== undefined) options.push('--libc', libc, '--tag-libc')
    const bin = join(root, 'node_modules', 'prebuildify', 'bin.js')
    const { status } = spawnSync(process.execPath, [bin, ...options], { cwd: work, env, stdio: 'inherit' })
    return status ?? 1
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function takeCompiled(libc, out) {
  const compiled = join(root, 'build', 'Release', 'odradek.node')
  if (!existsSync(compiled)) throw new Error('nothing is compiled: run npm run build:native first')
  const folder = join(out, 'prebuilds', `${platform()}-${arch()}`)
  mkdirSync(folder, { recursive: true })
  copyFileSync(compiled, join(folder, libc === undefined ? 'odradek.node' : `odradek.${libc}.node`))
  return 0
}

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: arch() },
    libc: { type: 'string', default: hostLibc() },
    out: { type: 'string', default: root },
    compiled: { type: 'boolean', default: false },
  },
})
const out = resolve(values.out)
process.exitCode = values.compiled ? takeCompiled(values.libc, out) : compile(values.arch, values.libc, out)
if (process.exitCode === 0) {
  const folder = join(out, 'prebuilds', `${platform()}-${values.arch}`)
  for (const name of readdirSync(folder)) process.stdout.write(`${join(folder, name)}\n`)
}
