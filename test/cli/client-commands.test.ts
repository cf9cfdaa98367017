import { suite } from '../support/suite.js'
import { clientCommandScenarios } from './scenarios/index.js'

suite('odradek', undefined, clientCommandScenarios)
