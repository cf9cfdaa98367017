#!/usr/bin/env node
// Writes docs/settings.md from the declarations of the settings; build first.

import { writeFileSync } from 'node:fs'
import { settingsDocument } from '../dist/lib/config/settings-document.js'

writeFileSync(new URL('../docs/settings.md', import.meta.url), settingsDocument())
