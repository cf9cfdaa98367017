import { suite } from '../support/suite.js'
import { kafkaJars, startApacheKafka } from '../support/target.js'
import { clientCommandScenarios } from './scenarios/index.js'

suite('odradek with Apache Kafka', kafkaJars().missing, clientCommandScenarios, { open: startApacheKafka })
