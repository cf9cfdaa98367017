{
  "targets": [
    {
      "target_name": "odradek",
      "sources": ["<!@(node -p \"['native', 'native/node', 'native/testing'].flatMap((folder) => require('fs').readdirSync(folder).filter((f) => f.endsWith('.cc')).map((f) => folder + '/' + f)).join(' ')\")"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")", "native", "native/node", "native/testing"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++1y", "-std=gnu++14"],
      "cflags_cc": ["-std=c++20", "-O2", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-unused-parameter"],
      "xcode_settings": {"CLANG_CXX_LANGUAGE_STANDARD": "c++20"},
      "conditions": [
        # A worker's end would unload the code that the engine's threads run.
        ["OS=='linux'", {"ldflags": ["-Wl,-z,nodelete"]}]
      ]
    }
  ]
}
