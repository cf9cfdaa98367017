import { suite } from '../clients/suite.js'
import { clientCommandScenarios } from './scenarios/index.js'

suite('odradek', undefined, clientCommandScenarios)
