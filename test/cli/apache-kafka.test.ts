import { suite } from '../clients/suite.js'
import { kafkaJars, startApacheKafka } from '../clients/target.js'
import { clientCommandScenarios } from './scenarios/index.js'

suite('odradek with Apache Kafka', kafkaJars().missing, clientCommandScenarios, { open: startApacheKafka })
