#!/usr/bin/env node
// Writes docs/protocol.md from the declarations of the handlers; build first.

import { writeFileSync } from 'node:fs'
import { apiDocument } from '../dist/lib/broker/api-document.js'

writeFileSync(new URL('../docs/protocol.md', import.meta.url), apiDocument())
