/**
 * topic: the rules of Topic Names and Topic Filters (MQTT 5 section 4.7, shared ones 4.8.2) and the
 * tree that finds filters by the names they match. Never knows who subscribes.
 */
export { FilterTrie } from './filter-trie.js';
export {
  checkTopicFilter,
  checkTopicName,
  matchesFilter,
  parseSharedFilter,
  type SharedFilter,
  type TopicProblem,
} from './names.js';
export { ownLevel } from './own-level.js';
