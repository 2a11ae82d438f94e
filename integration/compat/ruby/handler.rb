# Usage: handler.rb moneta | activerecord.
# See ../README.md for what it reads and prints.
require 'json'

AT = %w[HOST PORT USER PASSWORD DB].to_h { |n| [n.downcase.to_sym, ENV.fetch("DSM_#{n}")] }

# Rack's middleware Rack::Session::Moneta over Moneta's store for Sequel, over
# mysql2.
class MonetaHandler
  def initialize
    require 'moneta'
    require 'rack'
    require 'rack/mock'
    require 'rack/session/moneta'
    @db = "mysql2://#{AT[:user]}:#{AT[:password]}@#{AT[:host]}:#{AT[:port]}/#{AT[:db]}?encoding=utf8mb4"
  end

  # It makes its table when it is opened first.
  def store = @store ||= Moneta.new(:Sequel, db: @db, expires: true)

  def setup = store

  # A request with the session of an id, or with a new one; the session's id.
  def request(id, **options)
    app = lambda do |env|
      session = env['rack.session']
      session.options.merge!(options)
      yield session if block_given?
      [200, {}, []]
    end
    stack = Rack::Session::Moneta.new(app, store: store, key: 'sid', expire_after: 3600)
    answer = Rack::MockRequest.new(stack).get('/', 'HTTP_COOKIE' => "sid=#{id}", lint: false)
    answer['Set-Cookie'].to_s[/sid=(\h+)/, 1]
  end

  def create(_, data) = request('') { |s| s['data'] = data }
  def write(id, data) = request(id) { |s| s['data'] = data }

  def read(id)
    data = nil
    request(id) { |s| data = s['data'] }
    data
  end

  def regenerate(id, _) = request(id, renew: true) { |s| s['data'] }
  def destroy(id) = request(id, drop: true) { |s| s['data'] }
end

# The model of the gem activerecord-session_store, with its statements.
class ActiveRecordHandler
  def initialize
    require 'active_record'
    ActiveRecord::Base.establish_connection(
      adapter: 'mysql2', host: AT[:host], port: AT[:port].to_i, username: AT[:user], password: AT[:password],
      database: AT[:db], encoding: 'utf8mb4', reconnect: true
    )
    Object.const_set(:Session, Class.new(ActiveRecord::Base))
  end

  def setup
    ActiveRecord::Schema.verbose = false
    ActiveRecord::Base.connection.create_table(:sessions) do |t|
      t.string :session_id, null: false
      t.text :data
      t.timestamps
    end
    ActiveRecord::Base.connection.add_index :sessions, :session_id, unique: true
    ActiveRecord::Base.connection.add_index :sessions, :updated_at
  end

  # What Rack's middleware does after each request.
  def finish = ActiveRecord::Base.clear_active_connections!

  def create(id, data)
    Session.create!(session_id: id, data: dump(data))
    id
  end

  def write(id, data)
    found = Session.find_by(session_id: id) || Session.new(session_id: id)
    found.data = dump(data)
    found.save!
  end

  def read(id)
    found = Session.find_by(session_id: id)
    found && Marshal.load(found.data.unpack1('m'))
  end

  def regenerate(id, to)
    found = Session.find_by!(session_id: id)
    found.destroy
    Session.create!(session_id: to, data: found.data)
    to
  end

  def expire(id) = Session.where(session_id: id).update_all(updated_at: Time.now - 31 * 86_400)
  # What the task db:sessions:trim does.
  def gc = Session.where('updated_at < ?', Time.now - 30 * 86_400).delete_all
  def count = Session.count
  def destroy(id) = Session.where(session_id: id).destroy_all

  private

  def dump(data) = [Marshal.dump(data)].pack('m')
end

handler = { 'moneta' => MonetaHandler, 'activerecord' => ActiveRecordHandler }.fetch(ARGV[0]).new
$stdout.sync = true
while (line = $stdin.gets)
  q = JSON.parse(line)
  id, data = q.values_at('id', 'data')
  answer = { id: id }
  begin
    case q['op']
    when 'create' then answer[:id] = handler.create(id, data)
    when 'write' then handler.write(id, data)
    when 'read' then answer[:data] = handler.read(id)
    when 'incr'
      data = handler.read(id) or raise 'the session is gone'
      data['n'] += 1
      handler.write(id, data)
      answer[:data] = data
    when 'regenerate' then answer[:id] = handler.regenerate(id, q['to'])
    when 'count' then answer[:n] = handler.count
    when 'setup', 'gc' then handler.public_send(q['op'])
    else handler.public_send(q['op'], id)
    end
  rescue StandardError => e
    answer[:error] = "#{e.class}: #{e.message}"
  end
  handler.finish if handler.respond_to?(:finish)
  puts JSON.generate(answer)
end
