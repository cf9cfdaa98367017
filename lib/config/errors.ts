/** Errors of settings. Whoever speaks the protocol maps them: all are INVALID_CONFIG but where noted. */

export type ConfigErrorCode =
  /** No setting has this name. */
  | 'UNKNOWN_SETTING'
  /** The value is not of the setting's type, out of its range, or at odds with another (of brokers: INVALID_REQUEST). */
  | 'INVALID_VALUE'
  /** Ignoring the setting would weaken security or durability, so it stops the start. */
  | 'REFUSED_SETTING'
  /** The setting cannot be changed while the broker runs, or not for the whole cluster (INVALID_REQUEST). */
  | 'NOT_DYNAMIC'
  /** An operation that cannot be read: a name twice, no value, an unknown code (INVALID_REQUEST). */
  | 'INVALID_OPERATION'
  /** An append or subtract on a setting that is no list. */
  | 'NOT_A_LIST'
  /** A properties file or a command line that cannot be read. */
  | 'SYNTAX'

export class ConfigError extends Error {
  readonly code: ConfigErrorCode
  /** The setting that is meant, where one is. */
  readonly setting: string | undefined

  constructor(code: ConfigErrorCode, message: string, setting?: string) {
    super(message)
    this.name = 'ConfigError'
    this.code = code
    this.setting = setting
  }
}
