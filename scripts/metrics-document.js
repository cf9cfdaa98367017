#!/usr/bin/env node
// Writes docs/metrics.md from the declarations of the metrics; build first.

import { writeFileSync } from 'node:fs'
import { metricsDocument } from '../dist/lib/broker/metrics/metrics-document.js'

writeFileSync(new URL('../docs/metrics.md', import.meta.url), metricsDocument())
