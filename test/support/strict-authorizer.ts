/** An authorizer for tests: allows what it is told to, and remembers what it was asked. */
import type { Authorizer, Operation, ResourceType } from '../../lib/broker/pipeline/authorizer.js'

export class StrictAuthorizer implements Authorizer {
  readonly allowsAll = false
  /** `OPERATION TYPE name`, or `OPERATION TYPE *` for the question about any resource of a type. */
  readonly asked: string[] = []
  readonly principals = new Set<string>()
  /** Undefined allows everything. */
  allowed: ReadonlySet<string> | undefined

  authorize(
    principal: string,
    _host: string,
    operation: Operation,
    type: ResourceType,
    name: string,
  ): boolean {
    this.principals.add(principal)
    return this.#decide(`${operation} ${type} ${name}`)
  }

  authorizeByResourceType(
    principal: string,
    _host: string,
    operation: Operation,
    type: ResourceType,
  ): boolean {
    this.principals.add(principal)
    return this.#decide(`${operation} ${type} *`)
  }

  #decide(question: string): boolean {
    this.asked.push(question)
    return this.allowed?.has(question) ?? true
  }
}
