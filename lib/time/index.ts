export {
  clearInterval,
  clearTimeout,
  setInterval,
  setTimeout,
  sleep,
  type Timer,
} from './timers.js'
